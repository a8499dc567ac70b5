import keras

from tfcovid.config import Config
from tfcovid.config.recipes import Augmentation
from tfcovid.layers import CoarseDropout, RandomAffine, RandomIntensity, RandomWindowLevel

_AXES = {"none": (), "horizontal": ("horizontal",), "vertical": ("vertical",), "both": ("horizontal", "vertical")}


def augmentation(config: Config, seed: int) -> list[keras.Layer]:
    """The layers before the slice network in training: the window, from HU to [0, 1], then what changes slices."""
    window = config.window
    level = RandomWindowLevel(*window.train, window.width, seed=seed, name="window")
    return [level, *changes(config.slice_training.augmentation, seed)]


def changes(settings: Augmentation, seed: int, mask_fill: int = 0) -> list[keras.Layer]:
    """The layers that change images in [0, 1], alone or with masks; see `RandomAffine` for the form of both.

    Each has a seed of its own, from `seed` + 1 to `seed` + 3: layers of one seed draw the same numbers.
    """
    position = settings.model_dump(include={"rotation", "scale", "shear", "translation"})
    grey = settings.model_dump(include={"brightness", "contrast", "gamma", "noise", "local_contrast", "blur"})
    flips, layers = _AXES[settings.flip], []
    if flips or any(position.values()):
        layers.append(RandomAffine(flip=flips, **position, mask_fill=mask_fill, seed=seed + 1, name="position"))
    if any(grey.values()):
        layers.append(RandomIntensity(**grey, seed=seed + 2, name="grey_levels"))
    if settings.coarse_dropout:
        layers.append(CoarseDropout(settings.coarse_dropout, seed=seed + 3, name="coarse_dropout"))
    return layers
