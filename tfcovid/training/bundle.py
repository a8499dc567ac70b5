"""Writes a bundle: everything that is needed to use a trained system, in one folder."""

import csv
import json
import shutil
from math import isfinite
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import Config, write_config
from tfcovid.networks import weights_hash

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
preprocessing there is what `tfcovid predict` uses. Weights: see `bundle.json` for their hashes.
"""

_CHOSEN = {"best": "chosen by this validation, which flatters it", "last": "the last"}


def write_bundle(
    bundle: Path,
    config: Config,
    slice_network: keras.Model,
    patient_network: keras.Model | None,
    facts: dict[str, Any],
    work: Path,
) -> None:
    """Writes a bundle beside `bundle` and moves it into place.

    Args:
        facts: goes into `bundle.json`, with the hashes of the weights and the best validation figures.
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
        shutil.copy(work / name / "log.csv", partial / f"{name}_log.csv")
        # TensorBoard names its files after the machine, which is nobody's business.
        for n, events in enumerate(sorted((work / name / "tensorboard").rglob("events.*"))):
            folder = partial / "tensorboard" / name / events.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(events, folder / f"events.out.tfevents.{n}")
        validation[name] = _kept_figures(work / name / "log.csv", getattr(config, f"{name}_training").keep)
    write_config(config, partial / "config.yaml")
    facts = {"format": 1, **facts, "weights_sha256": weights, "validation": validation}
    (partial / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (partial / "card.md").write_text(_card(config, facts), encoding="utf-8")
    if bundle.exists():
        shutil.rmtree(bundle)
    partial.rename(bundle)


def _kept_figures(log: Path, keep: str) -> dict[str, float]:
    """Validation figures of the epoch whose weights were kept; empty without validation scans."""
    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = [row for row in rows if isfinite(float(row.get("val_loss", "nan")))]
    kept = min(numbers, key=lambda row: float(row["val_loss"])) if keep == "best" and numbers else rows[-1]
    return {name: float(value) for name, value in kept.items() if name.startswith("val_") or name == "epoch"}


def _card(config: Config, facts: dict[str, Any]) -> str:
    rows = [
        f"| {split} | {sum(counts.values())} | " + " | ".join(str(counts.get(label, 0)) for label in config.labels)
        for split, counts in facts["data"].items()
    ]
    figures = [
        f"- {stage} network, epoch {found['epoch']:g}, {_CHOSEN[getattr(config, f'{stage}_training').keep]}: "
        + ", ".join(f"{name.removeprefix('val_')} {value:.3f}" for name, value in found.items() if name != "epoch")
        for stage, found in facts["validation"].items()
        if len(found) > 1
    ]
    window = config.eight_bit
    unmarked = facts["diseased_scans_without_slice_labels"]
    marks = f"\nIn {unmarked} diseased scan(s) no slice was marked: all their slices counted as showing the disease.\n"
    return _CARD.format(
        name=config.name,
        version=facts["versions"]["tfcovid"],
        labels=", ".join(config.labels),
        label_columns=" | ".join(config.labels),
        rules="|".join("---" for _ in config.labels),
        counts=" |\n".join(rows) + " |",
        validation="Validation:\n\n" + "\n".join(figures)
        if figures
        else "There were no validation scans: nothing is known of its accuracy.",
        marks=marks if unmarked else "",
        eight_bit=f", or 8-bit pixels made with window {window.center:g}/{window.width:g}" if window else " only",
    )
