from importlib import import_module

import keras

from tfcovid.networks.arguments import check_variant

# family -> the table in its file whose keys are the variants its builder takes
_FAMILIES = {
    "resnet": "RESNETS",
    "densenet": "DENSENETS",
    "efficientnet": "EFFICIENTNETS",
    "eca_nfnet": "ECA_NFNETS",
    "resnet3d": "RESNETS_3D",
}


def variants() -> dict[str, str]:
    """Every variant of a classifier and the family it is of."""
    found = {}
    for family, table in _FAMILIES.items():
        rows = getattr(import_module(f"tfcovid.networks.{family}"), table)
        found |= dict.fromkeys(rows, family)
    return found


def build(variant: str, classes: int, input_shape: tuple, **options) -> keras.Model:
    """The classifier of that variant, whichever family it is of; `options` as its builder takes them.

    Raises:
        ValueError: no such variant.
    """
    known = variants()
    check_variant(variant, known)
    family = known[variant]
    builder = getattr(import_module(f"tfcovid.networks.{family}"), family)
    return builder(classes, input_shape, variant, **options)
