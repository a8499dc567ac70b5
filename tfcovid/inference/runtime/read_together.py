import keras
from keras import ops

from tfcovid.config import Config
from tfcovid.explain.with_map import with_map
from tfcovid.layers import RandomWindowLevel


def read_together(config: Config, slice_network: keras.Model) -> keras.Model:
    """A slice network from HU on, all CT windows of the config in one batch: `windowed(with_map(...))` in one pass.

    A graph with one copy of the network and not one a window is converted and compiled in a part of the time. Mirror
    images, where the config asks for them, are further members of the batch.

    Input: `(batch, height, width, 1)` int16 HU.
    Output: as that of `tfcovid.networks.windowed`.
    """
    network, window = with_map(slice_network), config.window
    hu = keras.Input(network.input_shape[1:], dtype="int16", name="hu")
    seen = [
        RandomWindowLevel(center, center, window.width, name=f"window{n}")(hu, training=False)
        for n, center in enumerate(window.predict)
    ]
    if config.mirror:
        seen += [ops.flip(one, axis=2) for one in seen]
    found = network(ops.concatenate(seen, axis=0), training=False)
    outputs = {name: _by_window(name, value, config) for name, value in found.items()}
    return keras.Model(hu, outputs, name="read_together")


def _by_window(name: str, value, config: Config):
    """`(views * batch, ...)` to `(batch, windows, ...)`, of the map to its mean over the windows."""
    ways = 2 if config.mirror else 1
    value = ops.reshape(value, (ways, len(config.window.predict), -1, *value.shape[1:]))
    if config.mirror:
        mirrored = value[1]
        value = (value[0] + (ops.flip(mirrored, axis=3) if name == "lesion_map" else mirrored)) / 2
    else:
        value = value[0]
    return ops.mean(value, axis=0) if name == "lesion_map" else ops.moveaxis(value, 0, 1)
