"""What a stage writes after each epoch, and how a run finds it again."""

import csv
import json
import re
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path

import keras
import numpy as np

from tfcovid.config.recipes import Training
from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.training.interrupt import Interrupt

KEPT = "kept.weights.h5"
_CHECKPOINT = re.compile(r"epoch-(\d+)(?:-step-(\d+))?\.weights\.h5")


@dataclass(frozen=True)
class Checkpoint:
    """Weights and optimizer after so many whole epochs, and so many steps of the next."""

    path: Path
    epoch: int
    step: int = 0

    @property
    def seeds_file(self) -> Path:
        return self.path.with_name(self.path.name.replace(".weights.h5", ".seeds.json"))

    def restore(self, model: keras.Model) -> None:
        """Into a compiled model and its optimizer."""
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self.path)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    found = [
        Checkpoint(path, int(match[1]), int(match[2] or 0))
        for path in folder.glob("epoch-*.weights.h5")
        if (match := _CHECKPOINT.fullmatch(path.name))
    ]
    return max(found, key=lambda one: (one.epoch, one.step), default=None)


class Keeper(keras.callbacks.Callback):
    """Writes the log, the weights to keep and the checkpoint after each epoch, in this order.

    The checkpoint comes last: what it stands for is complete, and what stands beyond it is done again.
    """

    def __init__(self, folder: Path, stage: str, training: Training):
        super().__init__()
        self.folder, self.stage, self.training = folder, stage, training
        self.interrupt: Interrupt | None = None
        found = last_checkpoint(folder)
        self.rows = [row for row in read_log(folder / "log.csv") if found and int(row["epoch"]) <= found.epoch]
        self.resumed: Checkpoint | None = None

    @property
    def exhausted(self) -> bool:
        """Whether so many epochs went by without a better one that training ends."""
        best = best_row(self.rows, self.training)
        return bool(self.training.patience and best) and len(self.rows) - 1 - best[0] >= self.training.patience

    def resume(self, checkpoint: Checkpoint) -> None:
        """The next epoch begins in its middle."""
        self.resumed = checkpoint

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.first_step = epoch, 0
        if self.resumed is not None:
            self.first_step = self.resumed.step
            states = json.loads(self.resumed.seeds_file.read_text(encoding="utf-8"))
            for variable, state in zip(self._seeds(), states, strict=True):
                variable.assign(state)
            self.resumed = None
            return
        # Keras does not save how far its seed generators have counted, so every epoch gives them a place to start.
        for variable in self._seeds():
            seed = keras.ops.convert_to_numpy(variable)[0]
            variable.assign([seed, epoch * 1_000_003 % 2**32])

    def on_test_begin(self, logs: dict | None = None) -> None:
        if self.training.ema:  # what is kept is what is validated
            self.before = self.model.get_weights()
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_test_end(self, logs: dict | None = None) -> None:
        if self.training.ema:
            self.model.set_weights(self.before)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.interrupt and self.interrupt.asked and batch + 1 < self.params["steps"]:
            self._save(Checkpoint(self.folder, self.epoch, self.first_step + batch + 1))
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise InputError(
                f"the loss of epoch {epoch + 1} is no number any more: lower {self.stage}_training.learning_rate and "
                f"start anew, without {self.folder}."
            )
        # A few digits, so that a run which read its log back decides alike.
        self.rows.append({"epoch": epoch + 1, **{name: f"{value:.6g}" for name, value in (logs or {}).items()}})
        into_place(self.folder / "log.csv", self._write_log)
        best = best_row(self.rows, self.training)
        ends = epoch + 1 == self.training.epochs or self.exhausted
        if (best[0] == len(self.rows) - 1) if best and self.training.keep == "best" else ends:
            self._save_kept()
        self._save(Checkpoint(self.folder, epoch + 1))
        if self.exhausted:
            self.model.stop_training = True
        if self.interrupt and self.interrupt.asked and not ends:
            raise KeyboardInterrupt

    def _seeds(self) -> list:
        return [variable for variable in self.model.variables if variable.path.endswith("seed_generator_state")]

    def _save_kept(self) -> None:
        if not self.training.ema:
            into_place(self.folder / KEPT, self.model.save_weights)
            return
        # Copied and put back, not swapped as Keras has it, by adding and subtracting: training must not notice.
        before = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        into_place(self.folder / KEPT, self.model.save_weights)
        self.model.set_weights(before)

    def _save(self, at: Checkpoint) -> None:
        name = f"epoch-{at.epoch:05d}" + (f"-step-{at.step:06d}" if at.step else "")
        at = Checkpoint(self.folder / f"{name}.weights.h5", at.epoch, at.step)
        if at.step:
            states = [keras.ops.convert_to_numpy(variable).tolist() for variable in self._seeds()]
            into_place(at.seeds_file, lambda path: path.write_text(json.dumps(states), encoding="utf-8"))
        into_place(at.path, self.model.save_weights)
        for older in self.folder.glob("epoch-*"):
            if older not in (at.path, at.seeds_file):
                older.unlink(missing_ok=True)

    def _write_log(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a stage's log, none if there is no log yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def best_row(rows: list[dict[str, str]], training: Training) -> tuple[int, dict[str, str]] | None:
    """Position and row of the best epoch, the first of equals; None where validation says nothing."""
    sign = -1 if training.best_by == "loss" else 1
    names = [f"val_{training.best_by}", f"val_disease_{training.best_by}"]

    def value(row: dict[str, str]) -> float:
        return sign * float(next((row[name] for name in names if name in row), nan))

    known = [(n, row) for n, row in enumerate(rows) if isfinite(value(row))]
    return max(known, key=lambda one: value(one[1]), default=None)
