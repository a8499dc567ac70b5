"""Writes a bundle: everything that is needed to use a trained system, in one folder."""

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import Config, write_config
from tfcovid.config.recipes import Training
from tfcovid.evaluation import score
from tfcovid.networks import weights_hash
from tfcovid.training.keeper import best_row, read_log
from tfcovid.training.learning_curves import draw_learning_curves

_CARD = """# {name}

A chest CT classifier trained by tfcovid {version}: {labels}.

**Research use only.** Not a medical device; not for diagnosis or treatment. Its figures hold for data like its
validation data, and for no other scanner, hospital, population or time without a test there.

| | scans | {label_columns} |
|---|---|{rules}|
{counts}

{validation}
{marks}
Input: chest CT in Hounsfield units{eight_bit}. Preprocessing, networks and seeds are in `config.yaml`; the
preprocessing there is what `tfcovid predict` uses. {start} Hashes of the weights: `bundle.json`; data, devices and
times: `run.json`; learning curves: `*_curves.png`.
"""

_CHOSEN = {"best": "chosen by this validation, which flatters it", "last": "the last"}


def write_bundle(
    bundle: Path,
    config: Config,
    slice_network: keras.Model,
    patient_network: keras.Model | None,
    facts: dict[str, Any],
    run: dict[str, Any],
    predictions: Sequence[dict[str, Any]],
    work: Path,
) -> None:
    """Writes a bundle beside `bundle` and moves it into place.

    Args:
        facts: goes into `bundle.json`, with the hashes of the weights and the best validation figures.
        run: `run.json`: what was run on what, and how long it took.
        predictions: `validation.csv`: scan, patient, truth and probabilities of each validation scan.
        work: folder of the stages, whose logs go along.
    """
    partial = bundle.with_name(f".{bundle.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    networks = {"slice": slice_network, "patient": patient_network}
    validation, weights = {}, {}
    for name, network in networks.items():
        if network is None:
            continue
        network.save(partial / f"{name}.keras")
        weights[name] = weights_hash(network)
        log = shutil.copy(work / name / "log.csv", partial / f"{name}_log.csv")
        # TensorBoard names its files after the machine, which is nobody's business.
        for n, events in enumerate(sorted((work / name / "tensorboard").rglob("events.*"))):
            folder = partial / "tensorboard" / name / events.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(events, folder / f"events.out.tfevents.{n}")
        validation[name] = _kept_figures(Path(log), getattr(config, f"{name}_training"))
        kept = int(validation[name]["epoch"])
        draw_learning_curves(Path(log), partial / f"{name}_curves.png", f"{config.name}: {name} network", kept)
    if predictions:
        write_predictions(predictions, partial / "validation.csv")
        facts = {**facts, "validation_scans": figures(predictions, config)}
    (partial / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    write_config(config, partial / "config.yaml")
    facts = {"format": 1, **facts, "weights_sha256": weights, "validation": validation}
    (partial / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (partial / "card.md").write_text(_card(config, facts), encoding="utf-8")
    if bundle.exists():
        shutil.rmtree(bundle)
    partial.rename(bundle)


def write_predictions(predictions: Sequence[dict[str, Any]], path: Path) -> None:
    """Writes one row a scan: scan, patient, truth and the probability of each label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(predictions[0]))
        writer.writeheader()
        writer.writerows(predictions)


def figures(predictions: Sequence[dict[str, Any]], config: Config) -> dict[str, Any]:
    """The figures of some predictions with their 95 % intervals, see `tfcovid.evaluation.score`."""
    found = [{label: float(row[f"p_{label}"]) for label in config.labels} for row in predictions]
    patients = [row["patient"] for row in predictions]
    result = score([row["truth"] for row in predictions], found, patients, config.threshold)
    named = {"accuracy": result.accuracy, "macro_f1": result.macro_f1}
    named |= {f"auc_{label}": one for label, one in result.auc.items()}
    # JSON knows no NaN.
    known = {
        name: [round(n, 4) for n in (one.value, one.low, one.high)] for name, one in named.items() if one.value >= 0
    }
    return {"scans": result.scans, "patients": result.patients, **known}


def figure_table(found: dict[str, Any]) -> list[str]:
    """The lines of a Markdown table of `figures`."""
    rows = [
        f"| {name.replace('_', ' ')} | {one[0]:.3f} | {one[1]:.3f} to {one[2]:.3f} |"
        for name, one in found.items()
        if isinstance(one, list)
    ]
    return ["| figure | value | interval |", "|---|---|---|", *rows]


def _kept_figures(log: Path, training: Training) -> dict[str, float]:
    """Validation figures of the epoch whose weights were kept; only its number without validation scans."""
    rows = read_log(log)
    best = best_row(rows, training)
    kept = best[1] if training.keep == "best" and best else rows[-1]
    return {name: float(value) for name, value in kept.items() if name.startswith("val_") or name == "epoch"}


def _card(config: Config, facts: dict[str, Any]) -> str:
    rows = [
        f"| {split} | {sum(counts.values())} | " + " | ".join(str(counts.get(label, 0)) for label in config.labels)
        for split, counts in facts["data"].items()
    ]
    unmarked = facts["diseased_scans_without_slice_labels"]
    marks = f"\nIn {unmarked} diseased scan(s) no slice was marked: all their slices counted as showing the disease.\n"
    window = config.eight_bit
    return _CARD.format(
        name=config.name,
        version=facts["versions"]["tfcovid"],
        labels=", ".join(config.labels),
        label_columns=" | ".join(config.labels),
        rules="|".join("---" for _ in config.labels),
        counts=" |\n".join(rows) + " |",
        validation=_validation(config, facts),
        marks=marks if unmarked else "",
        eight_bit=f", or 8-bit pixels made with window {window.center:g}/{window.width:g}" if window else " only",
        start=_start(config),
    )


def _validation(config: Config, facts: dict[str, Any]) -> str:
    if "validation_scans" not in facts:
        return "There were no validation scans: nothing is known of its accuracy."
    found = facts["validation_scans"]
    lines = [f"Validation, {found['scans']} scans of {found['patients']} patients, with 95 % bootstrap intervals:", ""]
    lines += figure_table(found)
    for stage, figures in facts["validation"].items():
        chosen = _CHOSEN[getattr(config, f"{stage}_training").keep]
        lines += ["", f"Weights of the {stage} network: epoch {figures['epoch']:g}, {chosen}."]
    return "\n".join(lines) + "\n\n`tfcovid evaluate BUNDLE MANIFEST --split val` prints these figures again."


def _start(config: Config) -> str:
    weights = config.slice_net.weights
    return f"Training started from {weights}." if weights else "Training started from random weights."
