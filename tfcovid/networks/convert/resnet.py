from collections.abc import Iterator, Mapping

import numpy as np

from tfcovid.networks.convert.layer_arrays import layer_arrays
from tfcovid.networks.resnet import RESNETS, ResNetVariant


def from_timm(tensors: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Tensors of a ResNet in torchvision's names, which timm shares, to those of our `resnet..._timm`.

    Raises:
        InputError: a tensor that no such ResNet has, or one that is missing.
    """
    networks = [dict(_modules(row)) for name, row in RESNETS.items() if name.endswith("_timm")]
    return layer_arrays(tensors, networks, head="fc")


def _modules(row: ResNetVariant) -> Iterator[tuple[str, str]]:
    yield from (("conv1", "conv1_conv"), ("bn1", "conv1_bn"))
    for stage, blocks in enumerate(row.blocks, start=1):
        for i in range(blocks):
            module, layer = f"layer{stage}.{i}", f"conv{stage + 1}_block{i + 1}"
            for number in range(1, 4 if row.bottleneck else 3):
                yield f"{module}.conv{number}", f"{layer}_{number}_conv"
                yield f"{module}.bn{number}", f"{layer}_{number}_bn"
            if i == 0 and (stage > 1 or row.bottleneck):
                yield f"{module}.downsample.0", f"{layer}_0_conv"
                yield f"{module}.downsample.1", f"{layer}_0_bn"
