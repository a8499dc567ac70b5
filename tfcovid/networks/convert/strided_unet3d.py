from collections.abc import Iterator, Mapping

import numpy as np

from tfcovid.errors import InputError

_NORM = ("weight", "bias", "running_mean", "running_var")


def from_monai(tensors: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Tensors of MONAI's 3-D `UNet` to those of our `strided_unet3d`, by the names of its layers.

    The UNet has strides of 2, `num_res_units=2`, norms by batch or by instance and PReLU, the defaults but for the
    units. A bias before a norm has no layer here: by batch it moves the norm's mean instead, by instance it is without
    effect.

    Raises:
        InputError: a tensor that no such UNet has, or one that is missing; it names the first.
    """
    left = {name: tensor for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    batch = any(name.endswith("running_mean") for name in left)

    def take(name: str, layer: str) -> np.ndarray:
        if name not in left:
            raise InputError(f"the checkpoint has no tensor {name}, which would be part of {layer}.")
        return left.pop(name)

    arrays = {}
    for module, norm, layer in _modules(_levels(left)):
        # (out, in, slices, height, width), of a transposed one (in, out, ...), to (slices, height, width, in, out).
        kernel = np.transpose(take(f"{module}.weight", layer), (2, 3, 4, 1, 0))
        bias = take(f"{module}.bias", layer)
        arrays[layer] = [kernel, bias] if norm is None else [kernel]
        if norm is None:
            continue
        before, after = norm
        if batch:
            scale, offset, mean, variance = (take(f"{before}.N.{kind}", after.format("norm")) for kind in _NORM)
            arrays[after.format("norm")] = [scale, offset, mean - bias, variance]
        arrays[after.format("prelu")] = [take(f"{before}.A.weight", after.format("prelu")).reshape(1, 1, 1, 1)]
    if left:
        raise InputError(f"the checkpoint has {len(left)} tensors that no such UNet has. Received: {min(left)}")
    return arrays


def _levels(names: Mapping) -> int:
    """Every level but the first lies in one more "submodule"."""
    return 1 + max((name.count(".submodule") for name in names), default=0)


def _modules(levels: int) -> Iterator[tuple[str, tuple[str, str] | None, str]]:
    """Each convolution, what norms and activates it (and how our layers are called), and the layer that it becomes."""
    for level in range(1, levels + 1):
        at = "model" + ".1.submodule" * (level - 1)
        down = f"{at}.0" if level < levels else at
        for i in (1, 2):
            unit = f"{down}.conv.unit{i - 1}"
            yield f"{unit}.conv", (f"{unit}.adn", f"encode{level}_{{}}{i}"), f"encode{level}_conv{i}"
        yield f"{down}.residual", None, f"encode{level}_shortcut"
        if level < levels:
            yield f"{at}.2.0.conv", (f"{at}.2.0.adn", f"decode{level}_up_{{}}"), f"decode{level}_up"
            unit = f"{at}.2.1.conv.unit0"
            norm = (f"{unit}.adn", f"decode{level}_{{}}") if level > 1 else None
            yield f"{unit}.conv", norm, f"decode{level}_conv"
