import keras
import numpy as np
from matplotlib.figure import Figure

from tfcovid.explain.feature_maps import feature_map

_COLUMNS = 8


def feature_sheet(network: keras.Model, slice_: np.ndarray, layer: str, channels: int = 31) -> Figure:
    """What the channels of a layer make of a slice, as the figures of paper 001 show it.

    The channels with the largest mean absolute value, largest first, with their numbers; grey from the smallest to the
    largest value of all that are shown, so that they can be compared.

    Args:
        slice_: `(height, width, channels)` as the network takes it, or `(slices, height, width, channels)`, of which
            the middle one is shown.
        layer: one of `feature_maps`.
        channels: how many to show at most.

    Raises:
        ValueError: no such layer.
    """
    seen = keras.Model(network.input, feature_map(network, layer))(slice_[None], training=False)
    maps = keras.ops.convert_to_numpy(seen)[0].astype(np.float32)
    picture = slice_
    if maps.ndim == 4:
        maps, picture = maps[len(maps) // 2], picture[len(picture) // 2]
    strength = np.abs(maps).mean(axis=(0, 1))
    shown = np.argsort(-strength, kind="stable")[:channels]
    low, high = float(maps[..., shown].min()), float(maps[..., shown].max())
    rows = -(-(len(shown) + 1) // _COLUMNS)
    figure = Figure(figsize=(1.25 * _COLUMNS, 1.45 * rows + 0.75), dpi=100, layout="constrained")
    figure.suptitle(
        f"{layer}: {len(shown)} of {maps.shape[-1]} channels, {maps.shape[0]} x {maps.shape[1]}", fontsize=10
    )
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for one in axes:
        one.axis("off")
    axes[0].imshow(picture.mean(axis=-1), cmap="gray")
    axes[0].set_title("slice", fontsize=7)
    for one, channel in zip(axes[1:], shown, strict=False):
        drawn = one.imshow(maps[..., channel], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        one.set_title(str(channel), fontsize=7)
    bar = figure.colorbar(drawn, ax=axes.tolist(), location="bottom", aspect=60, shrink=0.5)
    bar.ax.tick_params(labelsize=7)
    return figure
