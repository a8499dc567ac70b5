"""One stage of training: a plain Keras `fit` that can be killed at any moment and goes on with the same result."""

import csv
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfcovid.config.schema import Training
from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.training.report_progress import ReportProgress

_CHECKPOINT, _CHECKPOINTS = "epoch-{:05d}.keras", "epoch-*.keras"


def fit_stage(
    build: Callable[[], keras.Model],
    batches: Callable[[int], tf.data.Dataset],
    validation: tf.data.Dataset | None,
    steps: int,
    training: Training,
    folder: Path,
    title: str,
    progress: bool = False,
) -> keras.Model:
    """Trains a compiled model and returns it, not compiled, with the weights to keep.

    After each epoch the model, its optimizer and the state of its random layers are written to `folder`; a run that
    finds them goes on behind the last complete epoch. As the batches of an epoch depend on its number alone, it
    ends with the weights of a run that was never stopped.

    Args:
        build: makes the compiled model, if there is no checkpoint.
        batches: from the first epoch to run to the batches of all epochs left.
        steps: batches in an epoch.
        folder: holds `log.csv`, the TensorBoard logs, the best and the last checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = max(folder.glob(_CHECKPOINTS), default=None)
    model = keras.saving.load_model(last) if last else build()
    first_epoch = int(last.stem.removeprefix("epoch-")) if last else 0
    keeper = _Keeper(folder, first_epoch)
    if first_epoch < training.epochs:
        model.fit(
            batches(first_epoch),
            validation_data=validation,
            steps_per_epoch=steps,
            initial_epoch=first_epoch,
            epochs=training.epochs,
            callbacks=[
                ReportProgress(title, training, steps, progress),
                keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False),
                keeper,
            ],
            shuffle=False,  # the batches are shuffled already
            verbose=0,
        )
    best = training.keep == "best" and keeper.found_a_best
    # Read back without its optimizer, which takes more room than the weights.
    return keras.saving.load_model(keeper.best_file if best else max(folder.glob(_CHECKPOINTS)), compile=False)


def compile_for(model: keras.Model, training: Training, steps: int, losses: dict | str, metrics: dict) -> keras.Model:
    """Compiles a model with the optimizer and the schedule of a stage."""
    rate: float | keras.optimizers.schedules.LearningRateSchedule = training.learning_rate
    if training.drop:
        rate = keras.optimizers.schedules.ExponentialDecay(
            rate, training.drop.every * steps, training.drop.factor, staircase=True
        )
    optimizer = (
        keras.optimizers.SGD(rate, momentum=training.momentum)
        if training.optimizer == "sgd"
        else keras.optimizers.Adam(rate)
    )
    # Without XLA: it is slower on CPUs, and Keras leaves it out of deterministic runs anyway.
    model.compile(optimizer, losses, metrics=metrics, jit_compile=False)
    return model


class _Keeper(keras.callbacks.Callback):
    """Writes the log, the best model and the checkpoint after each epoch, in this order.

    The checkpoint comes last: what it stands for is complete, and what stands beyond it is done again.
    """

    def __init__(self, folder: Path, first_epoch: int):
        super().__init__()
        self.folder, self.stage = folder, f"{folder.name}_training"
        self.best_file = folder / "best.keras"
        self.rows = [row for row in _read_log(folder / "log.csv") if int(row["epoch"]) <= first_epoch]

    @property
    def found_a_best(self) -> bool:
        return any(np.isfinite(float(row.get("val_loss", "nan"))) for row in self.rows)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        # Keras does not save how far its seed generators have counted, so every epoch gives them a place to start.
        for variable in self.model.variables:
            if variable.path.endswith("seed_generator_state"):
                seed = keras.ops.convert_to_numpy(variable)[0]
                variable.assign([seed, epoch * 1_000_003 % 2**32])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise InputError(
                f"the loss of epoch {epoch + 1} is no number any more: lower {self.stage}.learning_rate and start "
                f"anew, without {self.folder}."
            )
        losses = [float(row["val_loss"]) for row in self.rows if "val_loss" in row]
        self.rows.append({"epoch": epoch + 1, **{name: f"{value:.6g}" for name, value in (logs or {}).items()}})
        into_place(self.folder / "log.csv", self._write_log)
        # Compared as logged, rounded, so that a run which read its log back decides alike.
        if "val_loss" in self.rows[-1] and float(self.rows[-1]["val_loss"]) < min(losses, default=float("inf")):
            into_place(self.best_file, self.model.save)
        into_place(self.folder / _CHECKPOINT.format(epoch + 1), self.model.save)
        (self.folder / _CHECKPOINT.format(epoch)).unlink(missing_ok=True)

    def _write_log(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def _read_log(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
