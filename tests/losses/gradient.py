"""The gradient of a loss with respect to the predictions, on every backend."""

import keras
import numpy as np


class _Constant(keras.layers.Layer):
    def __init__(self, value):
        super().__init__()
        self.value = self.add_weight(shape=value.shape, initializer="zeros")
        self.value.assign(value)

    def call(self, inputs):
        return self.value + 0.0 * keras.ops.reshape(inputs, (-1, *[1] * (len(self.value.shape) - 1)))


def gradient(loss, y_true, y_pred, sample_weight=None):
    """Read off one step of SGD with learning rate 1 in a model that does nothing but predict `y_pred`."""
    inputs = keras.Input((1,), batch_size=len(y_pred))
    model = keras.Model(inputs, _Constant(y_pred)(inputs))
    model.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)
    model.train_on_batch(np.zeros((len(y_pred), 1), "float32"), y_true, sample_weight=sample_weight)
    return y_pred - keras.ops.convert_to_numpy(model.trainable_weights[0])
