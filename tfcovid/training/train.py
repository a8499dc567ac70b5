"""From a config and a manifest to a bundle."""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from tfcovid.config import Config
from tfcovid.data import Entry, Prepared, check_splits, prepare, slice_targets
from tfcovid.data.prepare import content_hash
from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.training.bundle import write_bundle
from tfcovid.training.patient_stage import train_patients
from tfcovid.training.slice_stage import extract_features, train_slices
from tfcovid.versions import versions


def train(
    config: Config,
    entries: Sequence[Entry],
    bundle: str | Path,
    store: str | Path | None = None,
    allow: Sequence[str] = (),
    progress: bool = False,
    overwrite: bool = False,
) -> tuple[Path, list[tuple[Entry, str]]]:
    """Trains a system on the scans of the splits `train` (or without a split) and `val`, and writes its bundle.

    Work in progress lives in `<bundle>.work` until the bundle is complete; the same call goes on there after a
    stop, with the same result.

    Args:
        store: folder of the prepared scans, `<bundle>.store` by default. Stores may be shared between runs.
        allow: names of findings that do not stop a scan, see `tfcovid.read_scan`.
        overwrite: replace a bundle that is there.

    Returns:
        The bundle, and the scans that could not be read with the reason.

    Raises:
        InputError: labels unknown to the config, nothing to train on, a patient or a scan in two splits, a bundle
            that is there already, or work of a different run.
    """
    bundle = Path(bundle)
    check_run(config, entries, bundle, overwrite)
    held_out = [entry for entry in entries if entry.split == "test" and entry.scan.exists()]
    entries = [entry for entry in entries if entry.split != "test"]
    work = bundle.with_name(f"{bundle.name}.work")
    scans, failed = prepare(config, entries, store or bundle.with_name(f"{bundle.name}.store"), allow, None, progress)
    _check_duplicates(scans, held_out)
    training = [scan for scan in scans if scan.entry.split in (None, "train")]
    val = [scan for scan in scans if scan.entry.split == "val"]
    if not any(mark >= 0 for scan in training for mark in _slice_marks(scan, config)):
        raise InputError(
            f"nothing to train on: {len(training)} readable scan(s) to train, none with a slice that has a label; "
            f"{len(failed)} unreadable{': ' + failed[0][1] if failed else ''}."
        )
    data = {scan.record.stem: [scan.entry.label, scan.entry.split, *_slice_marks(scan, config)] for scan in scans}
    weights = Path(config.slice_net.weights or "")
    start = content_hash(weights) if weights.is_file() else None
    _same_work(work, {"config": config.model_dump(mode="json"), "data": data, "start": start})

    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    slice_network = train_slices(config, training, val, work / "slice", progress)
    patient_network = None
    if config.trains_patients:
        files = extract_features(slice_network, config, [*training, *val], work / "features", progress)
        pairs = list(zip([*training, *val], files, strict=True))
        channels = slice_network.output["features"].shape[-1]
        # Seeded again: a run that found the slice stage finished has drawn fewer numbers.
        keras.utils.set_random_seed(config.seed)
        patient_network = train_patients(
            config, pairs[: len(training)], pairs[len(training) :], channels, work / "patient", progress
        )
    facts = {
        "name": config.name,
        "labels": list(config.labels),
        "seed": config.seed,
        "data": {
            split: dict(Counter(scan.entry.label for scan in group))
            for split, group in (("train", training), ("val", val))
        },
        "unreadable_scans": len(failed),
        "diseased_scans_without_slice_labels": len(unmarked([scan.entry for scan in training], config)),
        "findings": dict(Counter(name for scan in scans for name, _ in scan.findings)),
        "versions": versions(),
    }
    write_bundle(bundle, config, slice_network, patient_network, facts, work)
    shutil.rmtree(work)
    return bundle, failed


def check_run(config: Config, entries: Sequence[Entry], bundle: Path, overwrite: bool = False) -> None:
    """Raises an InputError for what `train` would stop at before it reads a scan."""
    if bundle.exists() and not (bundle / "bundle.json").is_file():
        raise InputError(f"{bundle} is there and is no bundle; choose another name.")
    if bundle.exists() and not overwrite:
        raise InputError(f"{bundle} is there already; overwrite it on purpose or choose another name.")
    check_splits(entries)
    used = [entry for entry in entries if entry.split != "test"]
    unknown = sorted({entry.label for entry in used} - set(config.labels))
    if unknown:
        raise InputError(
            f"labels of the manifest that config {config.name} does not know: {', '.join(unknown)}. "
            f"Its labels: {', '.join(config.labels)}; change them in the manifest or in the config."
        )
    training = [entry for entry in used if entry.split != "val"]
    if not any(entry.scan.exists() for entry in training):
        gone = f", such as {training[0].scan}" if training else ""
        raise InputError(f"nothing to train on: {len(training)} scan(s) to train are listed, none is there{gone}.")


def _slice_marks(scan: Prepared, config: Config) -> list[int]:
    return slice_targets(scan.entry, config.labels, scan.scan_slices).tolist()


def unmarked(entries: Sequence[Entry], config: Config) -> list[Entry]:
    """Diseased scans to train on whose slices nobody marked: all of them will count as showing the disease."""
    used = [entry for entry in entries if entry.split in (None, "train")]
    return [entry for entry in used if entry.label != config.labels[0] and entry.slice_labels is None]


def _check_duplicates(scans: Sequence[Prepared], held_out: Sequence[Entry]) -> None:
    """The same files under two patients, whatever their names, would leak from one split into the other."""
    by_content = defaultdict(set)
    for scan in scans:
        by_content[scan.content].add((scan.entry.split or "train", scan.entry.patient))
    for entry in held_out:
        by_content[content_hash(entry.scan)].add((entry.split, entry.patient))
    for found in by_content.values():
        if len({split for split, _ in found}) > 1:
            names = " and ".join(f"{patient} ({split})" for split, patient in sorted(found))
            raise InputError(f"the same scan stands in two splits, as {names}: take one of them out.")


def _same_work(work: Path, run: dict) -> None:
    """Notes what `work` is for, or checks that what it holds, if anything, is of this very run."""
    note, text = work / "run.json", json.dumps(run, sort_keys=True)
    if any(work.glob("*/epoch-*.keras")):
        if not note.is_file() or note.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{work} holds a run with another config or other data, not finished yet. Go on with those, "
                "or delete the folder to start anew."
            )
        return
    # Whatever else lies there was begun and never finished an epoch, perhaps by another config.
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    into_place(note, lambda path: path.write_text(text, encoding="utf-8"))
