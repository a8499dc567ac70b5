import sys
from time import monotonic

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tfcovid.config.recipes import Training
from tfcovid.data.input_wait import InputWait


class ReportProgress(keras.callbacks.Callback):
    """One bar for the whole stage, and a line an epoch on standard error.

    The line has samples a second (slices, or scans in the patient stage), losses and metrics, and the share of the
    training time that went by waiting for input; the bar has the time left.
    """

    def __init__(self, title: str, training: Training, steps: int, shown: bool, wait: InputWait | None = None):
        super().__init__()
        self.title, self.training, self.steps, self.shown, self.wait = title, training, steps, shown, wait
        self.bar: Progress | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        console = Console(stderr=True, quiet=not self.shown)
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        self.bar = Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
        self.task = self.bar.add_task(self.title, total=self.training.epochs * self.steps)
        self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started, self.trained_for = monotonic(), None
        self.done = epoch * self.steps + self.steps - self.params["steps"]
        if self.wait:
            self.wait.reset()

    def on_train_batch_end(self, step: int, logs: dict | None = None) -> None:
        self.bar.update(self.task, completed=self.done + step + 1)

    def on_test_begin(self, logs: dict | None = None) -> None:
        # Validation comes before the end of the epoch and is no training.
        self.trained_for = monotonic() - self.started

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        seconds = self.trained_for or monotonic() - self.started
        speed = self.params["steps"] * self.training.batch / seconds
        waited = f"  input {min(1, self.wait.seconds / seconds):.0%}" if self.wait else ""
        numbers = "  ".join(f"{name} {value:.4f}" for name, value in sorted((logs or {}).items()))
        self.bar.console.print(
            f"{self.title} epoch {epoch + 1}/{self.training.epochs}  {speed:.0f}/s{waited}  {numbers}",
            highlight=False,
            soft_wrap=True,
        )

    def on_train_end(self, logs: dict | None = None) -> None:
        """Gives the terminal back; may be called again, and before anything began."""
        if self.bar:
            self.bar.stop()
