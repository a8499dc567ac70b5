import keras
import numpy as np
import tensorflow as tf

from tfcovid.data.input_wait import InputWait


def ticking(clock, seconds):
    """Batches that take `seconds` of `clock` each, made by whoever asks for them."""

    def make(n):
        clock[0] += seconds
        return np.float32([[n]])

    data = tf.data.Dataset.range(6).map(lambda n: tf.ensure_shape(tf.numpy_function(make, (n,), tf.float32), (1, 1)))
    return data.map(lambda x: (x, x))


def fitted(wait, data, clock, step):
    """Fits two epochs whose steps take `step` seconds of the clock, and returns the batches that were seen."""
    seen = []

    class Layer(keras.layers.Layer):
        def call(self, x):
            def spend(x):
                clock[0] += step
                seen.append(float(x[0, 0]))
                return x

            return tf.ensure_shape(tf.numpy_function(spend, (x,), tf.float32), (1, 1))

    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(1)(Layer()(inputs)))
    model.compile(loss="mse", jit_compile=False)
    model.fit(wait.apply(data), epochs=1, verbose=0)
    return seen


def test_the_time_between_asking_and_getting_is_counted_and_nothing_else():
    for fetching, step in ((2.0, 1.0), (0.25, 8.0)):
        clock = [0.0]
        wait = InputWait(lambda clock=clock: clock[0])
        assert fitted(wait, ticking(clock, fetching), clock, step) == [0, 1, 2, 3, 4, 5]
        assert wait.seconds == 6 * fetching and clock[0] == 6 * (fetching + step)
        wait.reset()
        assert wait.seconds == 0


def test_batches_and_their_number_stay_what_they_are():
    data = tf.data.Dataset.range(7).batch(2).map(lambda x: ({"a": x, "b": x + 1}, -x)).prefetch(2)
    measured = InputWait().apply(data)
    assert measured.element_spec == data.element_spec and measured.cardinality() == data.cardinality()
    for (x, y), (x_too, y_too) in zip(data, measured, strict=True):
        for one, other in ((x["a"], x_too["a"]), (x["b"], x_too["b"]), (y, y_too)):
            np.testing.assert_array_equal(one, other)
