import re

import numpy as np

from tfcovid.errors import InputError

# Family -> what in KerasHub's layer names becomes what in ours. Its presets are conversions of timm's checkpoints.
_RENAMES = {
    "resnet": [(r"^stack(\d+)_block(\d+)_", lambda m: f"conv{int(m[1]) + 2}_block{int(m[2]) + 1}_")],
    "densenet": [
        (r"^stack(\d+)_block(\d+)_(\d)_bn$", lambda m: f"conv{int(m[1]) + 1}_block{m[2]}_{int(m[3]) - 1}_bn"),
        (r"^stack(\d+)_", lambda m: f"conv{int(m[1]) + 1}_"),
        (r"^transition(\d+)_", lambda m: f"pool{int(m[1]) + 1}_"),
    ],
    "efficientnet": [(r"_dwconv_bn$", lambda m: "_bn"), (r"_project$", lambda m: "_project_conv")],
}

# The presets for ImageNet; others of the same networks can be had by name.
HUB_PRESETS = {
    "resnet18_timm": "resnet_18_imagenet",
    "resnet50_timm": "resnet_50_imagenet",
    "resnet101_timm": "resnet_101_imagenet",
    "densenet121": "densenet_121_imagenet",
    "densenet169": "densenet_169_imagenet",
    "densenet201": "densenet_201_imagenet",
    "efficientnet_b0_timm": "efficientnet_b0_ra_imagenet",
    "efficientnet_b1_timm": "efficientnet_b1_ft_imagenet",
    "efficientnet_b2_timm": "efficientnet_b2_ra_imagenet",
    "efficientnet_b3_timm": "efficientnet_b3_ra2_imagenet",
    "efficientnet_b4_timm": "efficientnet_b4_ra2_imagenet",
    "efficientnet_b5_timm": "efficientnet_b5_sw_imagenet",
}


def from_hub(preset: str, variant: str, family: str) -> dict[str, list[np.ndarray]]:
    """The arrays of each layer of a KerasHub backbone, by the names of our network.

    Args:
        preset: a name such as "efficientnet_b3_ra2_imagenet", or a folder in which one was saved.

    Raises:
        InputError: KerasHub is not installed, or it has no preset of that name that is a network of this family.
    """
    if family not in _RENAMES or (family == "efficientnet" and not variant.endswith("_timm")):
        raise InputError(f"KerasHub's presets are timm's networks; {variant} is none of them. Received: hub:{preset}")
    try:
        from keras_hub.models import Backbone
    except ImportError as error:
        raise InputError(f"KerasHub is missing: pip install 'tfcovid[hub]'. Received: hub:{preset}") from error
    backbone = Backbone.from_preset(preset)
    arrays = {}
    for layer in (one for one in backbone.layers if one.weights):
        name = layer.name
        for pattern, becomes in _RENAMES[family]:
            name = re.sub(pattern, becomes, name)
        arrays[name] = layer.get_weights()
    return arrays
