from collections.abc import Sequence

import keras
from keras import ops

from tfcovid.layers import RandomWindowLevel


def windowed(network: keras.Model, centers: Sequence[float], width: float, mirror: bool = False) -> keras.Model:
    """A slice network seen through several CT windows at once, from HU on (M3Lung-Sys, section IV-A).

    With `mirror` every output is the mean over the slice and its mirror image, left and right exchanged.

    Input: `(batch, height, width, 1)` int16 HU.
    Output: those of `network`, with an axis of windows behind the batch; of "lesion_map" the mean over windows.
    """
    inputs = keras.Input(network.input_shape[1:], dtype="int16", name="hu")
    seen = []
    for center in centers:
        level = RandomWindowLevel(center, center, width, name=f"window_{center:g}".replace("-", "m"))
        seen.append(_both_ways(network, level(inputs, training=False), mirror))
    outputs = {name: ops.stack([one[name] for one in seen], axis=1) for name in seen[0]}
    if "lesion_map" in outputs:
        outputs["lesion_map"] = ops.mean(outputs["lesion_map"], axis=1)
    return keras.Model(inputs, outputs, name="windowed")


def _both_ways(network: keras.Model, x, mirror: bool) -> dict:
    found = network(x, training=False)
    if not mirror:
        return found
    mirrored = network(ops.flip(x, axis=2), training=False)
    if "lesion_map" in mirrored:
        mirrored["lesion_map"] = ops.flip(mirrored["lesion_map"], axis=2)
    return {name: (found[name] + mirrored[name]) / 2 for name in found}
