"""From a config and a manifest to a bundle."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfcovid.config import Config
from tfcovid.data import Entry, Prepared, check_splits, prepare, slice_targets
from tfcovid.data.prepare import content_hash, read_slices
from tfcovid.data.splits import assign_folds
from tfcovid.errors import InputError
from tfcovid.inference import System, lung_finder
from tfcovid.inference.training_range import looked_at, scan_statistics, training_range
from tfcovid.progress import with_progress
from tfcovid.training.bundle import portable, write_bundle
from tfcovid.training.check_duplicates import check_duplicates
from tfcovid.training.check_free import check_free
from tfcovid.training.clock import Clock
from tfcovid.training.log_mlflow import log_mlflow
from tfcovid.training.patient_stage import train_patients
from tfcovid.training.same_work import same_work
from tfcovid.training.slice_stage import extract_features, train_slices
from tfcovid.training.start import start_weights
from tfcovid.training.strategy import devices_used, make_strategy
from tfcovid.training.train_parts import check_parts, clear_parts, train_parts
from tfcovid.versions import versions


def train(
    config: Config,
    entries: Sequence[Entry],
    bundle: str | Path,
    store: str | Path | None = None,
    allow: Sequence[str] = (),
    progress: bool = False,
    overwrite: bool = False,
    strategy: str = "auto",
    workers: int | None = None,
    mlflow: str | None = None,
    masks: Sequence[Entry] | None = None,
    slices: str | Path | None = None,
) -> tuple[Path, list[tuple[Entry, str]]]:
    """Trains a system on the scans of the splits `train` (or without a split) and `val`, and writes its bundle.

    Work in progress lives in `<bundle>.work` until the bundle is complete; the same call goes on there after a
    stop, with the same result.

    Args:
        store: folder of the prepared scans, `<bundle>.store` by default. Stores may be shared between runs.
        allow: names of findings that do not stop a scan, see `tfcovid.read_scan`.
        overwrite: replace a bundle that is there.
        strategy: on which devices, see `make_strategy`.
        workers: scans prepared at a time, see `prepare`.
        mlflow: name of an experiment of MLflow to log to, see `log_mlflow`.
        masks: scans with masks, which the config's segmenters are trained on first; None for those of `entries` that
            have masks. Their diagnosis does not matter.
        slices: folder of the slice stage, which stays there: runs that differ in the patient stage alone train it once.

    Returns:
        The bundle, and the scans that could not be read with the reason.

    Raises:
        InputError: labels unknown to the config, nothing to train on, a patient or a scan in two splits, a bundle
            that is there already, or work of a different run.
    """
    bundle, clock = Path(bundle), Clock()
    check_run(config, entries, bundle, overwrite, masks)
    sizes = [stage.batch for stage in (config.slice_training, config.patient_training) if stage]
    devices = make_strategy(strategy, sizes)
    held_out = [entry for entry in entries if entry.split == "test" and entry.scan.exists()]
    work = bundle.with_name(f"{bundle.name}.work")
    store = store or bundle.with_name(f"{bundle.name}.store")
    options = {"store": store, "allow": allow, "progress": progress, "strategy": strategy, "workers": workers}
    if masks:
        _check_apart(entries, masks)
    with clock.of("segmenters"):
        parts, without_masks = train_parts(config, entries, masks, bundle, mlflow=mlflow, **options)
    finder = lung_finder(config, parts)
    entries = [entry for entry in entries if entry.split != "test"]
    with clock.of("prepare"):
        scans, failed = prepare(config, entries, store, allow, workers, progress, finder)
        check_duplicates(scans, held_out)
    training = [scan for scan in scans if scan.entry.split in (None, "train")]
    val = [scan for scan in scans if scan.entry.split == "val"]
    if not any(mark >= 0 for scan in training for mark in _slice_marks(scan, config)):
        raise InputError(
            f"nothing to train on: {len(training)} readable scan(s) to train, none with a slice that has a label; "
            f"{len(failed)} unreadable{': ' + failed[0][1] if failed else ''}."
        )
    if devices:
        _check_shares(config, training, devices.num_replicas_in_sync)
    data = _data_hash(scans, config)
    if finder:
        data = hashlib.sha256((data + finder.hash).encode()).hexdigest()
    of_run = {"data": data, "start": _start_hash(config)}
    same_work(work, {"config": config.model_dump(mode="json"), **of_run})
    stages = {"slice": work / "slice", "patient": work / "patient"}
    if slices:
        same_work(Path(slices), {"config": slice_part(config), **of_run})
        stages["slice"] = Path(slices) / "slice"

    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    with log_mlflow(mlflow, config, work) as callbacks:
        slice_network, patient_network = _train_stages(
            config, training, val, work, stages, clock, callbacks, progress=progress, strategy=devices
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
        "training_range": training_range(_statistics(scan, config) for scan in training),
        "versions": versions(),
    }
    with clock.of("validation"):
        predictions = _predict(System(config, slice_network, patient_network, facts), val, progress)
    run = {
        "started": clock.started,
        "config": portable(config).model_dump(mode="json"),
        "start_sha256": _start_hash(config),
        "data_sha256": data,
        "versions": versions(),
        "device": devices_used(strategy, devices),
        "seeds": {"seed": config.seed},
        "timings_s": clock.seconds,
    }
    write_bundle(bundle, config, slice_network, patient_network, facts, run, predictions, stages, parts)
    clear_parts(config, bundle)
    shutil.rmtree(work)
    return bundle, [*without_masks, *failed]


def slice_part(config: Config) -> dict[str, Any]:
    """What the slice stage of a config follows from."""
    return config.model_dump(mode="json", exclude={"name", "patient_net", "patient_training"})


def check_run(
    config: Config,
    entries: Sequence[Entry],
    bundle: Path,
    overwrite: bool = False,
    masks: Sequence[Entry] | None = None,
) -> None:
    """Raises an InputError for what `train` would stop at before it reads a scan."""
    check_free(bundle, overwrite)
    check_splits(entries)
    used = [entry for entry in entries if entry.split != "test"]
    unknown = sorted({entry.label for entry in used} - set(config.labels))
    if unknown:
        raise InputError(
            f"labels of the manifest that config {config.name} does not know: {', '.join(unknown)}. "
            f"Its labels: {', '.join(config.labels)}; change them in the manifest or in the config."
        )
    training = [entry for entry in used if entry.split != "val"]
    val = {entry.label for entry in used if entry.split == "val"}
    for stage in filter(None, (config.slice_training, config.patient_training)):
        if val and stage.keep == "best" and stage.best_by == "auc" and len(val) < len(config.labels):
            raise InputError(
                f"best_by: auc needs scans of every label in split val; {', '.join(sorted(set(config.labels) - val))} "
                "missing. Choose loss, or draw the splits again."
            )
        if not val and stage.patience:
            raise InputError("patience: there is no split val to lose patience with. Leave it out, or add one.")
    folds = config.patient_training.out_of_fold if config.patient_training else None
    if config.trains_patients and folds and folds > len({entry.patient for entry in training}):
        raise InputError(f"patient_training.out_of_fold: fewer patients to train than folds. Received: {folds}")
    if not any(entry.scan.exists() for entry in training):
        gone = f", such as {training[0].scan}" if training else ""
        raise InputError(f"nothing to train on: {len(training)} scan(s) to train are listed, none is there{gone}.")
    check_parts(config, entries, masks, bundle)


def _check_apart(entries: Sequence[Entry], masks: Sequence[Entry]) -> None:
    """What a segmenter has learnt by heart must not be cropped by it in another split: the same files are an error."""
    check_duplicates((), [entry for entry in (*entries, *masks) if entry.scan.exists()])


def unmarked(entries: Sequence[Entry], config: Config) -> list[Entry]:
    """Diseased scans to train on whose slices nobody marked: all of them will count as showing the disease."""
    used = [entry for entry in entries if entry.split in (None, "train")]
    return [entry for entry in used if entry.label != config.labels[0] and entry.slice_labels is None]


def _train_stages(
    config: Config,
    training: Sequence[Prepared],
    val: Sequence[Prepared],
    work: Path,
    stages: Mapping[str, Path],
    clock: Clock,
    callbacks: Callable[[str], Sequence[keras.callbacks.Callback]],
    **how: Any,
) -> tuple[keras.Model, keras.Model | None]:
    """The slice network and, where it is trained, the patient network."""
    keras.utils.set_random_seed(config.seed)
    with clock.of("slice"):
        slice_network = train_slices(config, training, val, stages["slice"], callbacks=callbacks("slice"), **how)
    if not config.trains_patients:
        return slice_network, None
    with clock.of("features"):
        files = _training_features(config, slice_network, training, val, work, how)
        val_files = extract_features(slice_network, config, val, work / "features", how["progress"])
    features = slice_network.output["features"].shape[-1]
    # Seeded again: a run that found the slice stage finished has drawn fewer numbers.
    keras.utils.set_random_seed(config.seed)
    pairs, val_pairs = list(zip(training, files, strict=True)), list(zip(val, val_files, strict=True))
    with clock.of("patient"):
        return slice_network, train_patients(
            config, pairs, val_pairs, features, stages["patient"], callbacks=callbacks("patient"), **how
        )


def _training_features(
    config: Config, network: keras.Model, training: Sequence[Prepared], val: Sequence[Prepared], work: Path, how: dict
) -> list[Path]:
    """Files of the slice features that the patient network trains on, in the order of `training`.

    Out of fold, the features of a scan come from a network that was trained without it, as in stacked generalisation;
    all start from the same weights, and the final network, trained on everything, is the one that is used afterwards.
    """
    folds = config.patient_training.out_of_fold
    if folds is None:
        return extract_features(network, config, training, work / "features", how["progress"])
    fold_of = assign_folds([scan.entry for scan in training], folds, config.seed)
    files = {}
    for fold in range(folds):
        keras.utils.set_random_seed(config.seed)
        others = [scan for scan, f in zip(training, fold_of, strict=True) if f != fold]
        kept_out = [n for n, f in enumerate(fold_of) if f == fold]
        fold_network = train_slices(config, others, val, work / f"slice_without_fold{fold + 1}", **how)
        scans = [training[n] for n in kept_out]
        found = extract_features(fold_network, config, scans, work / "features", how["progress"])
        files |= dict(zip(kept_out, found, strict=True))
    return [files[n] for n in range(len(training))]


def _statistics(scan: Prepared, config: Config) -> dict[str, float]:
    return scan_statistics(read_slices(scan, config.crop.size, looked_at(len(scan.index))))


def _predict(system: System, scans: Sequence[Prepared], progress: bool) -> list[dict]:
    """Truth and probabilities of each scan, which is known by a number and its patient by another."""
    patients = {name: n for n, name in enumerate(dict.fromkeys(scan.entry.patient for scan in scans))}
    rows = []
    for n, scan in enumerate(with_progress(scans, len(scans), "Validation", progress)):
        found = system.read(read_slices(scan, system.config.crop.size))
        row = {"scan": n, "patient": patients[scan.entry.patient], "truth": scan.entry.label}
        row["called"] = system.config.labels[found.label]
        pairs = zip(system.config.labels, found.by_window.mean(axis=0), strict=True)
        rows.append({**row, **{f"p_{label}": float(p) for label, p in pairs}})
    return rows


def _slice_marks(scan: Prepared, config: Config) -> list[int]:
    return slice_targets(scan.entry, config.labels, scan.scan_slices, config.slice_training.free).tolist()


def _data_hash(scans: Sequence[Prepared], config: Config) -> str:
    """Of contents, labels and splits, of which scans are of one patient, and of the order, which the draws follow."""
    number = {name: n for n, name in enumerate(dict.fromkeys(scan.entry.patient for scan in scans))}
    facts = [
        [scan.content, number[scan.entry.patient], scan.entry.label, scan.entry.split, *_slice_marks(scan, config)]
        for scan in scans
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _check_shares(config: Config, training: Sequence[Prepared], devices: int) -> None:
    """A batch shrinks to what there is, and must then still divide by the devices."""
    labelled = [sum(mark >= 0 for mark in _slice_marks(scan, config)) for scan in training]
    slices = sum(min(count, config.slice_training.slices or count) for count in labelled)
    counts = {"slice_training": slices, "patient_training": len(training)}
    for name, count in counts.items():
        stage = getattr(config, name)
        if stage and (name == "slice_training" or config.trains_patients) and count < stage.batch and count % devices:
            fits = count - count % devices
            raise InputError(
                f"{name}.batch: there are only {count}, which {devices} devices cannot share; "
                + (f"set it to {fits}, or train on one device." if fits else "train on one device.")
            )


def _start_hash(config: Config) -> str | None:
    weights = start_weights(config.slice_net.model_dump()["weights"])
    files = [
        Path(one) for one in (weights.values() if isinstance(weights, dict) else [weights]) if isinstance(one, str)
    ]
    found = [content_hash(file) for file in files if file.is_file()]
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest() if found else None
