"""How long training waits for its input."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
import tensorflow as tf


class InputWait:
    """Measures the seconds that the consumer of a dataset waits for its next element.

    The clock is read in the consumer's own thread right before and right after an element is fetched, so that
    `seconds` over the seconds of an epoch is the share of training lost to input. Batches stay what they are.

    Args:
        clock: seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter):
        self.seconds = 0.0
        self._clock, self._since = clock, 0.0

    def apply(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The same elements, measured; `dataset` ends with its prefetching, and nothing comes behind this."""
        before = tf.data.Dataset.range(np.iinfo(np.int64).max).map(lambda _: _called(self._start))
        # `zip` fetches from left to right.
        after = tf.data.Dataset.range(np.iinfo(np.int64).max).map(lambda _: _called(self._stop))
        options = tf.data.Options()
        # Either would fetch elements ahead in another thread, and the consumer's waiting would be hidden.
        options.experimental_optimization.inject_prefetch = False
        options.experimental_optimization.map_parallelization = False
        measured = tf.data.Dataset.zip((before, dataset, after)).map(lambda _, element, __: element)
        return measured.with_options(options)

    def reset(self) -> None:
        """Counts from 0 again."""
        self.seconds = 0.0

    def _start(self) -> np.ndarray:
        self._since = self._clock()
        return np.int64(0)

    def _stop(self) -> np.ndarray:
        self.seconds += self._clock() - self._since
        return np.int64(0)


def _called(function: Callable[[], np.ndarray]) -> tf.Tensor:
    return tf.ensure_shape(tf.numpy_function(function, (), tf.int64), ())
