"""A progress bar for what takes long enough to need one."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from time import monotonic

_PATIENCE = 2.0  # seconds without a bar


def with_progress(items: Iterable, total: int, what: str, shown: bool) -> Iterator:
    """The items one by one; a bar on standard error appears if `shown` and they take over two seconds."""
    started, bar, task = monotonic(), None, None
    try:
        for done, item in enumerate(items, 1):
            yield item
            if bar is not None:
                bar.update(task, completed=done)
            elif shown and monotonic() - started > _PATIENCE:
                from rich.console import Console
                from rich.progress import Progress

                bar = Progress(console=Console(stderr=True))
                task = bar.add_task(what, total=total, completed=done)
                bar.start()
    finally:
        if bar is not None:
            bar.stop()


def status(what: str, shown: bool) -> AbstractContextManager:
    """Says on standard error, while it lasts, what is being done that has no parts to count."""
    if not shown:
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(what)
