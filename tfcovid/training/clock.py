from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter


class Clock:
    """Seconds of each step; of a run that was resumed, those of its last part."""

    def __init__(self) -> None:
        self.started, self.seconds = datetime.now(UTC).isoformat(timespec="seconds"), {}

    @contextmanager
    def of(self, step: str):
        begun = perf_counter()
        yield
        self.seconds[step] = round(perf_counter() - begun, 1)
