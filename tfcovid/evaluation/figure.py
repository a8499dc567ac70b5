from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; NaN where one is not defined, and `why` then says why."""

    value: float
    low: float
    high: float
    why: str | None = None

    def __str__(self) -> str:
        if np.isnan(self.value):
            return f"not defined: {self.why}"
        if np.isnan(self.low):
            return f"{self.value:.3f} (no interval: {self.why})"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"
