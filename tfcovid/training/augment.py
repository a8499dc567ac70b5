import keras

from tfcovid.config.recipes import Augmentation
from tfcovid.layers import CoarseDropout
from tfcovid.layers.random_affine import RandomAffine
from tfcovid.layers.random_intensity import RandomIntensity

_AXES = {"none": (), "horizontal": ("horizontal",), "vertical": ("vertical",), "both": ("horizontal", "vertical")}


def augmentation(settings: Augmentation, seed: int) -> list[keras.Layer]:
    """The layers that change training slices in [0, 1] as `settings` says; none where it says nothing."""
    position = settings.model_dump(include={"rotation", "scale", "shear", "translation"})
    grey = settings.model_dump(include={"brightness", "contrast", "gamma", "noise"})
    flips = _AXES[settings.flip]
    layers = []
    if flips or any(position.values()):
        layers.append(RandomAffine(flip=flips, **position, seed=seed, name="position"))
    if any(grey.values()):
        layers.append(RandomIntensity(**grey, seed=seed + 1, name="grey_levels"))
    if settings.coarse_dropout:
        layers.append(CoarseDropout(settings.coarse_dropout, seed=seed + 2, name="coarse_dropout"))
    return layers
