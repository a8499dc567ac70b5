from functools import partial

import keras
import numpy as np
import tensorflow as tf


def fitting_batch(model: keras.Model, spec, batch: int) -> int:
    """The largest of batch / 2, batch / 4, ... that a training step of a compiled model has memory for; 0 if none.

    Tried with zeros, after which the weights of the model mean nothing any more.

    Args:
        spec: of a batch, as `tf.data.Dataset.element_spec` gives it.
    """
    while batch > 1:
        batch //= 2
        try:
            model.train_on_batch(*tf.nest.map_structure(partial(_zeros, batch), spec))
        except tf.errors.ResourceExhaustedError:
            continue
        return batch
    return 0


def _zeros(batch: int, spec: tf.TensorSpec) -> np.ndarray:
    # An axis of unknown length, the slices of a scan: 300 of them.
    return np.zeros((batch, *(300 if side is None else side for side in spec.shape[1:])), spec.dtype.as_numpy_dtype)
