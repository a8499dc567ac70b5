from collections.abc import Sequence

import keras
from keras import ops

from tfcovid.layers import RandomWindowLevel


def windowed(network: keras.Model, centers: Sequence[float], width: float) -> keras.Model:
    """A slice network seen through several CT windows at once, from HU on (M3Lung-Sys, section IV-A).

    Input: `(batch, height, width, 1)` int16 HU.
    Output: those of `network`, with an axis of windows behind the batch; of "lesion_map" the mean over windows.
    """
    inputs = keras.Input(network.input_shape[1:], dtype="int16", name="hu")
    seen = []
    for center in centers:
        level = RandomWindowLevel(center, center, width, name=f"window_{center:g}".replace("-", "m"))
        seen.append(network(level(inputs, training=False), training=False))
    outputs = {name: ops.stack([one[name] for one in seen], axis=1) for name in seen[0]}
    if "lesion_map" in outputs:
        outputs["lesion_map"] = ops.mean(outputs["lesion_map"], axis=1)
    return keras.Model(inputs, outputs, name="windowed")
