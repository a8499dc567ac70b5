from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np


class Network(Protocol):
    """A network as a runtime runs it.

    Attributes:
        outputs: their names; "output" where the network has one without a name.
        batch: volumes that it takes at a time best.
    """

    outputs: tuple[str, ...]
    batch: int

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of one batch. May be called by several threads at once."""

    def each(self, hu: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        """The outputs of each slice in order, without the axis of the batch.

        Args:
            hu: `(slices, height, width)` int16, HU.
        """
