from collections.abc import Iterable, Mapping

import numpy as np

from tfcovid.errors import InputError

# How often a norm was updated, which Keras does not count.
_IGNORED = "num_batches_tracked"


def layer_arrays(
    tensors: Mapping[str, np.ndarray], networks: Iterable[Mapping[str, str]], head: str
) -> dict[str, list[np.ndarray]]:
    """The tensors of convolutions, norms and dense layers as the arrays of each Keras layer, in Keras's layout.

    Args:
        tensors: name -> tensor, a name being that of a module, a point and "weight", "bias" and so on.
        networks: for each network of the family, its modules and the layer that each becomes. The tensors are those of
            the network whose modules they have.
        head: the module of the classifier, which becomes the layer "disease" and may be missing.

    Raises:
        InputError: a tensor that no network of the family has, or one that is missing; it names the first.
    """
    found = {name for name in tensors if not name.endswith(_IGNORED)}
    modules = {name.rpartition(".")[0] for name in found}
    nearest = min(networks, key=lambda network: len(modules ^ ({*network} | {head})))
    layers = {**nearest, head: "disease"} if head in modules else nearest

    arrays, used = {}, set()
    for module, layer in layers.items():
        names = [f"{module}.{kind}" for kind in _kinds(layer)]
        if missing := [name for name in names if name not in found]:
            raise InputError(f"the checkpoint has no tensor {missing[0]}, which would become {layer}.")
        arrays[layer] = [_keras_layout(tensors[name], depthwise=layer.endswith("dwconv")) for name in names]
        used.update(names)
    if unknown := sorted(found - used):
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise InputError(
            f"the checkpoint has tensors that no network of this family has. Received: {', '.join(unknown[:3])}{more}"
        )
    return arrays


def _kinds(layer: str) -> tuple[str, ...]:
    """The tensors of the module that becomes that layer, in the order of the layer's weights."""
    if layer.endswith("bn"):
        return ("weight", "bias", "running_mean", "running_var")
    # Of the convolutions only those of squeeze and excitation have a bias: a norm follows all others.
    return ("weight", "bias") if layer == "disease" or "_se_" in layer else ("weight",)


def _keras_layout(tensor: np.ndarray, depthwise: bool) -> np.ndarray:
    """(out, in, height, width) to (height, width, in, out), of a depthwise kernel (height, width, out, 1)."""
    if tensor.ndim == 4:
        return tensor.transpose(2, 3, 0, 1) if depthwise else tensor.transpose(2, 3, 1, 0)
    return tensor.T
