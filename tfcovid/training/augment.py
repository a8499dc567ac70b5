import keras

from tfcovid.config import Config
from tfcovid.layers import CoarseDropout, RandomAffine, RandomIntensity, RandomWindowLevel

_AXES = {"none": (), "horizontal": ("horizontal",), "vertical": ("vertical",), "both": ("horizontal", "vertical")}


def augmentation(config: Config, seed: int) -> list[keras.Layer]:
    """The layers before the slice network in training: the window, from HU to [0, 1], then what changes slices.

    Each has a seed of its own: layers of one seed draw the same numbers.
    """
    window, settings = config.window, config.slice_training.augmentation
    position = settings.model_dump(include={"rotation", "scale", "shear", "translation"})
    grey = settings.model_dump(include={"brightness", "contrast", "gamma", "noise"})
    flips = _AXES[settings.flip]
    layers = [RandomWindowLevel(*window.train, window.width, seed=seed, name="window")]
    if flips or any(position.values()):
        layers.append(RandomAffine(flip=flips, **position, seed=seed + 1, name="position"))
    if any(grey.values()):
        layers.append(RandomIntensity(**grey, seed=seed + 2, name="grey_levels"))
    if settings.coarse_dropout:
        layers.append(CoarseDropout(settings.coarse_dropout, seed=seed + 3, name="coarse_dropout"))
    return layers
