"""The patient network, trained on features of the trained slice network."""

from collections.abc import Sequence
from pathlib import Path

import keras

from tfcovid.config import Config
from tfcovid.data.datasets import training_patients, validation_patients
from tfcovid.data.prepare import Prepared
from tfcovid.networks import m3lung_patient
from tfcovid.training.fit_stage import compile_for, fit_stage


def train_patients(
    config: Config,
    train: Sequence[tuple[Prepared, Path]],
    val: Sequence[tuple[Prepared, Path]],
    channels: int,
    folder: Path,
    progress: bool = False,
) -> keras.Model:
    """Trains the patient network on (scan, file of its slice features) and returns it."""
    stage = config.patient_training
    steps = -(-len(train) // stage.batch)

    def split(pairs: Sequence[tuple[Prepared, Path]]) -> tuple[list[str], list[int]]:
        return [str(file) for _, file in pairs], [config.labels.index(scan.entry.label) for scan, _ in pairs]

    def batches(first_epoch: int):
        return training_patients(*split(train), channels, stage.batch, stage.epochs, first_epoch, config.seed)

    def build() -> keras.Model:
        settings = config.patient_net.model_dump(exclude={"threshold"})
        model = m3lung_patient(len(config.labels), channels, **settings)
        return compile_for(model, stage, steps, "sparse_categorical_crossentropy", ["accuracy"])

    validation = validation_patients(*split(val), channels, stage.batch) if val else None
    return fit_stage(build, batches, validation, steps, stage, folder, "Patients", progress)
