"""The networks of keras.applications, with weights on which no part of a builder can hide."""

import h5py
import keras
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from tests.networks.settled import settled


def keras_peer(name: str, images=None, **options) -> keras.Model:
    """The network of that name without its head, at random; `images` are as it takes them, see `shuffled`."""
    keras.utils.set_random_seed(0)
    options = {"weights": None, "input_shape": (None, None, 3)} | options
    model = getattr(keras.applications, name)(include_top=False, **options)
    return model if images is None else shuffled(model, images)


def shuffled(model: keras.Model, images) -> keras.Model:
    """The model with biases and the norms' offsets off zero, gains off one, and norms that fit the images.

    Activations stay near one through any depth then, and a difference stays as small as float32 makes it.
    """
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        if weight.name == "gamma":
            weight.assign(generator.uniform(0.7, 1.3, weight.shape))
        elif weight.name in ("beta", "bias"):
            weight.assign(generator.normal(0, 0.1, weight.shape))
    return settled(model, images)


def write_as_published(model: keras.Model, path) -> str:
    """Writes the weights in the layout of the files that keras.applications downloads, older than Keras 3's own."""
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)
    return str(path)
