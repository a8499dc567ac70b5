"""Variants of one config, trained on the same scans and asked about the same scans."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import load_config
from tfcovid.config.ablations import Ablations
from tfcovid.data import Entry
from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import Predictions
from tfcovid.inference import load
from tfcovid.inference.evaluate_system import evaluate_system, predictions_of
from tfcovid.into_place import into_place
from tfcovid.progress import with_progress
from tfcovid.training.bundle import portable
from tfcovid.training.train import check_run, slice_part, train


def train_ablations(
    ablations: Ablations,
    entries: Sequence[Entry],
    folder: str | Path,
    store: str | Path | None = None,
    allow: Sequence[str] = (),
    progress: bool = False,
    **options: Any,
) -> Iterator[tuple[str, Predictions, list[tuple[Entry, str]]]]:
    """Trains each variant on the splits train and val, and diagnoses the scans of split test with it.

    Bundles and what they said lie in `folder`, named after the variants, and so does the store that they share. What
    is finished is kept: the same call goes on after a stop, and a variant that was added is trained alone.

    Args:
        options: as `train` takes them.

    Yields:
        Of each variant: its name, what it said of the test scans, and which scans could not be read, with the reason.

    Raises:
        InputError: no test scans, as `train`, or a bundle in `folder` of other settings or other scans.
    """
    folder = Path(folder)
    test = [entry for entry in entries if entry.split == "test"]
    bundles = check_ablations(ablations, entries, folder)
    _same_scans(folder, entries)
    for name, bundle in bundles.items():
        config, unreadable = ablations.variants[name], []
        if not _finished(bundle):
            # Variants of the patient network share the longest part of their training.
            part = hashlib.sha256(json.dumps(slice_part(config)).encode()).hexdigest()[:12]
            options["slices"] = folder / f"{part}.slices"
            _, unreadable = train(config, entries, bundle, store or folder / "store", allow, progress, **options)
        each = evaluate_system(load(bundle), test, folder / f"{bundle.name}.test", allow, reports="none")
        cases = list(with_progress(each, len(test), f"{name}: test", progress))
        # Networks of variants that are done would pile up in memory.
        keras.backend.clear_session()
        levels, _ = predictions_of(cases, config.labels)
        unreadable += [(entry, case.error) for entry, case in zip(test, cases, strict=True) if case.error]
        yield name, levels["scan"], unreadable
    for done in folder.glob("*.slices"):
        shutil.rmtree(done)


def check_ablations(ablations: Ablations, entries: Sequence[Entry], folder: Path) -> dict[str, Path]:
    """Raises an InputError for what `train_ablations` would stop at before it reads a scan.

    Returns:
        Name of each variant -> its bundle, there or not.
    """
    labels = {config.labels for config in ablations.variants.values()}
    if len(labels) > 1:
        raise InputError(f"variants that are compared have the same labels. Received: {sorted(labels)}")
    if not any(entry.split == "test" for entry in entries):
        raise InputError("no scan in split test to compare the variants on; see tfcovid index --split.")
    unknown = sorted({entry.label for entry in entries} - set(*labels))
    if unknown:
        raise InputError(f"labels that the variants do not know: {', '.join(unknown)}. Received: {', '.join(*labels)}")
    bundles = {name: folder / _file_name(name) for name in ablations.variants}
    if folder in bundles.values():
        raise InputError(f"names of variants have a letter of a to z, or a digit. Received: {', '.join(bundles)}")
    if len(set(bundles.values())) < len(bundles):
        raise InputError(f"names of variants that only differ in signs or capitals. Received: {', '.join(bundles)}")
    for name, bundle in bundles.items():
        config = ablations.variants[name]
        if not _finished(bundle):
            check_run(config, entries, bundle)
            continue
        if load_config(bundle / "config.yaml") != portable(config):
            raise InputError(
                f"{bundle} was trained with other settings than variant {name} has now; delete or rename it."
            )
    return bundles


def _same_scans(folder: Path, entries: Sequence[Entry]) -> None:
    """Notes what the variants in `folder` are trained and tested on, or checks that it is this."""
    scans = sorted(f"{entry.scan}: {entry.patient}, {entry.label}, {entry.split}" for entry in entries)
    note, text = folder / "scans.json", json.dumps(scans, indent=0)
    if note.is_file() and note.read_text(encoding="utf-8") != text:
        raise InputError(f"{folder} holds variants of another manifest; choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    into_place(note, lambda path: path.write_text(text, encoding="utf-8"))


def _finished(bundle: Path) -> bool:
    return (bundle / "bundle.json").is_file()


def _file_name(variant: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", variant.lower()).strip("_")
