"""How long training waits for its input."""

from collections.abc import Callable
from functools import partial
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
        ticks = tf.data.Dataset.range(np.iinfo(np.int64).max)
        # `zip` fetches from left to right.
        stages = ticks.map(partial(_call, self._start)), dataset, ticks.map(partial(_call, self._stop))
        options = tf.data.Options()
        # Either would fetch elements ahead in another thread, and the consumer's waiting would be hidden.
        options.experimental_optimization.inject_prefetch = False
        options.experimental_optimization.map_parallelization = False
        measured = tf.data.Dataset.zip(stages).map(lambda _, element, __: element)
        return measured.with_options(options)

    def reset(self) -> None:
        """Counts from 0 again."""
        self.seconds = 0.0

    def _start(self) -> None:
        self._since = self._clock()

    def _stop(self) -> None:
        self.seconds += self._clock() - self._since


def _call(function: Callable[[], None], tick: tf.Tensor) -> tf.Tensor:
    def called(tick: np.ndarray) -> np.ndarray:
        function()
        return tick

    # Said to keep no state, though it does: otherwise deterministic runs take all reading ahead out of the pipeline
    # that is measured. In and out goes a number that changes, so that no call is taken for another.
    return tf.numpy_function(called, (tick,), tf.int64, stateful=False)
