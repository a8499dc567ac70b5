from collections.abc import Iterator, Mapping

import numpy as np

from tfcovid.networks.convert.layer_arrays import layer_arrays

# Dense layers of the four blocks of DenseNet-121, -169 and -201.
_BLOCKS = ((6, 12, 24, 16), (6, 12, 32, 32), (6, 12, 48, 32))


def from_timm(tensors: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Tensors of a DenseNet in timm's names to those of our `densenet`.

    The norms' epsilon is 1e-5 there and 1.001e-5 here, as keras.applications has it; the output moves by less than
    float32 can tell.

    Raises:
        InputError: a tensor that no such DenseNet has, or one that is missing.
    """
    return layer_arrays(tensors, [dict(_modules(blocks)) for blocks in _BLOCKS], head="classifier")


def _modules(blocks: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    yield from (("features.conv0", "conv1_conv"), ("features.norm0", "conv1_bn"), ("features.norm5", "bn"))
    for number, size in enumerate(blocks, start=1):
        for i in range(1, size + 1):
            module, layer = f"features.denseblock{number}.denselayer{i}", f"conv{number + 1}_block{i}"
            yield from ((f"{module}.norm1", f"{layer}_0_bn"), (f"{module}.conv1", f"{layer}_1_conv"))
            yield from ((f"{module}.norm2", f"{layer}_1_bn"), (f"{module}.conv2", f"{layer}_2_conv"))
        if number < len(blocks):
            module, layer = f"features.transition{number}", f"pool{number + 1}"
            yield from ((f"{module}.norm", f"{layer}_bn"), (f"{module}.conv", f"{layer}_conv"))
