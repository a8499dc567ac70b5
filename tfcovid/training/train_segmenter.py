"""From the config of a segmenter and scans with masks to a bundle."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfcovid.config import Segmenter
from tfcovid.data import Entry, check_splits
from tfcovid.data.prepare import content_hash
from tfcovid.data.prepare_volumes import PreparedVolume, prepare_volumes
from tfcovid.errors import InputError
from tfcovid.evaluation.mask_scores import MaskScores, mask_scores
from tfcovid.evaluation.mask_tables import MaskRow
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.progress import with_progress
from tfcovid.training.bundle import portable
from tfcovid.training.check_duplicates import check_duplicates
from tfcovid.training.check_free import check_free
from tfcovid.training.clock import Clock
from tfcovid.training.log_mlflow import log_mlflow
from tfcovid.training.same_work import same_work
from tfcovid.training.segmenter_bundle import write_segmenter_bundle
from tfcovid.training.segmenter_stage import fit_segmenter
from tfcovid.training.strategy import devices_used, make_strategy
from tfcovid.versions import versions


def train_segmenter(
    config: Segmenter,
    entries: Sequence[Entry],
    bundle: str | Path,
    store: str | Path | None = None,
    allow: Sequence[str] = (),
    progress: bool = False,
    overwrite: bool = False,
    strategy: str = "auto",
    workers: int | None = None,
    mlflow: str | None = None,
    keep: bool = False,
) -> tuple[Path, list[tuple[Entry, str]]]:
    """Trains a segmenter on the scans of the splits `train` (or without a split) and `val`, and writes its bundle.

    As `tfcovid.training.train` does, and with its arguments: work in progress lives in `<bundle>.work`, and the same
    call goes on there after a stop. The diagnosis of the scans does not matter.

    Args:
        keep: a bundle that is there is kept, if it is of this very config and these data, and otherwise an error.

    Returns:
        The bundle, and the scans that could not be read with the reason.

    Raises:
        InputError: no scan with masks to train on, a patient or a scan in two splits, a bundle that is there already,
            or work of a different run.
    """
    bundle, clock = Path(bundle), Clock()
    check_segmenter_run(config, entries, bundle, overwrite or keep)
    devices = make_strategy(strategy, [config.training.batch])
    held_out = [entry for entry in entries if entry.split == "test" and entry.scan.exists()]
    entries = [entry for entry in entries if entry.split != "test"]
    work = bundle.with_name(f"{bundle.name}.work")
    with clock.of("prepare"):
        store = store or bundle.with_name(f"{bundle.name}.store")
        scans, failed = prepare_volumes(config, entries, store, allow, workers, progress)
        check_duplicates(scans, held_out)
    training = [scan for scan in scans if scan.entry.split in (None, "train")]
    val = [scan for scan in scans if scan.entry.split == "val"]
    if not training:
        raise InputError(
            f"nothing to train on: no readable scan with masks; {len(failed)} left out"
            f"{', the first because: ' + failed[0][1] if failed else ''}."
        )
    drawn, replicas = len(training) * config.training.samples, devices.num_replicas_in_sync if devices else 1
    if drawn < config.training.batch and drawn % replicas:
        raise InputError(
            f"training.batch: there are only {drawn} samples, which {replicas} devices cannot share; change "
            "training.samples or batch, or train on one device."
        )
    data, start = _data_hash(scans), config.network.weights
    start = content_hash(Path(start)) if start and Path(start).is_file() else None
    if keep and bundle.exists():
        there = json.loads((bundle / "run.json").read_text(encoding="utf-8"))
        wanted = portable(config).model_dump(mode="json"), data, start
        if (there["config"], there["data_sha256"], there["start_sha256"]) != wanted:
            raise InputError(f"{bundle} was trained with another config or on other data; delete it to train it anew.")
        return bundle, failed
    same_work(work, {"config": config.model_dump(mode="json"), "data": data, "start": start})
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(config.seed)
    with log_mlflow(mlflow, config, work) as callbacks, clock.of("segment"):
        network = fit_segmenter(config, training, val, work / "segment", progress, devices, callbacks("segment"))
    facts = {
        "kind": "segmenter",
        "name": config.name,
        "labels": list(config.labels),
        "seed": config.seed,
        "data": {
            split: dict(Counter(scan.entry.label for scan in group))
            for split, group in (("train", training), ("val", val))
        },
        "unreadable_scans": len(failed),
        "findings": dict(Counter(name for scan in scans for name, _ in scan.findings)),
        "versions": versions(),
    }
    with clock.of("validation"):
        system = SegmentationSystem(config, network, facts)
        # Known by numbers: a bundle names no patient.
        number = {name: n for n, name in enumerate(dict.fromkeys(scan.entry.patient for scan in val))}
        rows = [
            MaskRow(n, number[scan.entry.patient], scan.entry.label, _scores(system, scan))
            for n, scan in enumerate(with_progress(val, len(val), "Validation", progress))
        ]
    run = {
        "started": clock.started,
        "config": portable(config).model_dump(mode="json"),
        "data_sha256": data,
        "start_sha256": start,
        "versions": versions(),
        "device": devices_used(strategy, devices),
        "seeds": {"seed": config.seed},
        "timings_s": clock.seconds,
    }
    write_segmenter_bundle(bundle, config, network, facts, run, rows, work)
    shutil.rmtree(work)
    return bundle, failed


def check_segmenter_run(config: Segmenter, entries: Sequence[Entry], bundle: Path, overwrite: bool = False) -> None:
    """Raises an InputError for what `train_segmenter` would stop at before it reads a scan."""
    check_free(bundle, overwrite)
    check_splits(entries)
    training = [entry for entry in entries if entry.split in (None, "train")]
    if not any(entry.scan.exists() for entry in training):
        gone = f", such as {training[0].scan}" if training else ""
        raise InputError(f"nothing to train on: {len(training)} scan(s) to train are listed, none is there{gone}.")
    if config.training.patience and not any(entry.split == "val" for entry in entries):
        raise InputError("patience: there is no split val to lose patience with. Leave it out, or add one.")


def _scores(system: SegmentationSystem, scan: PreparedVolume) -> MaskScores:
    """How well a scan of the store is outlined, on its working grid and without clicks."""
    found = system.masks(np.load(scan.ct), scan.spacing)
    return mask_scores(np.load(scan.labels), found, system.config.labels, scan.known_spacing)


def _data_hash(scans: Sequence[PreparedVolume]) -> str:
    """Of scans, masks and splits, of which scans are of one patient, and of the order, which the draws follow."""
    number = {name: n for n, name in enumerate(dict.fromkeys(scan.entry.patient for scan in scans))}
    facts = [[scan.ct.stem, number[scan.entry.patient], scan.entry.split] for scan in scans]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
