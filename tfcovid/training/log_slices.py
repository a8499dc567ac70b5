from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from tfcovid.config import Config
from tfcovid.training.augment import augmentation

SLICES = "slices"  # the folder of TensorBoard that holds pictures of patients
_SHOWN = 8


class LogSlices(keras.callbacks.Callback):
    """Shows in TensorBoard, once, slices of the first batch as window and augmentation hand them to the network."""

    def __init__(self, config: Config, batches: Callable[[int], tf.data.Dataset], tensorboard: Path):
        super().__init__()
        self.config, self.batches, self.folder = config, batches, tensorboard / SLICES

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if epoch > 0:
            return
        x = next(iter(self.batches(0)))[0][:_SHOWN]
        # Layers of their own: those in training keep their place in their random numbers.
        for layer in augmentation(self.config, self.config.seed):
            x = layer(x, training=True)
        writer = tf.summary.create_file_writer(str(self.folder))
        with writer.as_default():
            tf.summary.image("what the network sees", tf.cast(x, tf.float32), step=0, max_outputs=_SHOWN)
        writer.close()
