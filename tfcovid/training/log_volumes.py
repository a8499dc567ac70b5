import io
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorboard.plugins.image.metadata import create_summary_metadata

from tfcovid.report.mask_colours import mask_colours
from tfcovid.training.log_slices import SLICES

_MS = 120  # a slice is shown
_GAP = 2  # pixels between two volumes
_UNLABELLED = 255
_GREYS = 240  # of the 256 colours of a GIF; the others are for labels


class LogVolumes(keras.callbacks.Callback):
    """Shows in TensorBoard, under images, volumes side by side as a sequence of slices that plays: an animated GIF.

    Args:
        draw: called with the model after an epoch; gives name -> (slices, height, width) uint8, all of one shape,
            grey levels or label numbers. Numbers of `labels` alone, beside 255 for unlabelled, are label numbers.
        folder: of TensorBoard. The pictures go to its folder `SLICES`, which no bundle takes along.
        every: so many epochs, from the first on.
        labels: names of the label numbers, from which they have their colours; at most 15.
    """

    def __init__(
        self,
        draw: Callable[[keras.Model], dict[str, np.ndarray]],
        folder: Path,
        every: int = 1,
        labels: Sequence[str] = ("background", "left lung", "right lung", "infection"),
    ):
        super().__init__()
        self.draw, self.folder, self.every, self.labels = draw, Path(folder) / SLICES, every, tuple(labels)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch % self.every:
            return
        volumes = self.draw(self.model)
        gif, width, height = _gif(list(volumes.values()), self.labels)
        # Keras's image summaries are PNG; what TensorBoard hands on to the browser may be a GIF too.
        metadata = create_summary_metadata(display_name=None, description="")
        picture = tf.constant([str(width).encode(), str(height).encode(), gif])
        writer = tf.summary.create_file_writer(str(self.folder))
        with writer.as_default():
            tf.summary.write(" | ".join(volumes), picture, step=epoch, metadata=metadata)
        writer.close()


def _gif(volumes: list[np.ndarray], labels: tuple[str, ...]) -> tuple[bytes, int, int]:
    """The volumes side by side, feet to head, with their width and height in pixels."""
    places = [_places(volume, len(labels)) for volume in volumes]
    gap = np.full((*places[0].shape[:2], _GAP), _GREYS - 1, np.uint8)
    frames = np.concatenate([part for one in places for part in (one, gap)][:-1], axis=2)
    greys = np.repeat(np.linspace(0, 255, _GREYS).round().astype(np.uint8)[:, None], 3, axis=1)
    palette = np.concatenate([greys, mask_colours(labels)[1:]]).tobytes()
    images = [Image.fromarray(frame) for frame in frames]
    for image in images:
        image.putpalette(palette)
    file = io.BytesIO()
    images[0].save(
        file, "GIF", save_all=True, append_images=images[1:], duration=_MS, loop=0, optimize=False, disposal=1
    )
    return file.getvalue(), frames.shape[2], frames.shape[1]


def _places(volume: np.ndarray, labels: int) -> np.ndarray:
    """Grey levels or label numbers as places in the palette."""
    unlabelled = volume == _UNLABELLED
    if volume[~unlabelled].max(initial=0) >= labels:
        return (volume * np.float32((_GREYS - 1) / 255)).round().astype(np.uint8)
    of_label = np.where(volume == 0, 0, volume.astype(np.int32) + _GREYS - 1)
    return np.where(unlabelled, _GREYS // 3, of_label).astype(np.uint8)
