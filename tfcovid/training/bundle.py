"""Writes a bundle: everything that is needed to use a trained system, in one folder."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import Config, Segmenter, write_config
from tfcovid.config.part import Part
from tfcovid.evaluation.predictions import figure_table, figures, write_predictions
from tfcovid.networks import weights_hash
from tfcovid.training.keep_stage import keep_stage

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

CHOSEN = {"best": "chosen by this validation, which flatters it", "last": "the last"}


def write_bundle(
    bundle: Path,
    config: Config,
    slice_network: keras.Model,
    patient_network: keras.Model | None,
    facts: dict[str, Any],
    run: dict[str, Any],
    predictions: Sequence[dict[str, Any]],
    stages: Mapping[str, Path],
    parts: Mapping[str, Path],
) -> None:
    """Writes a bundle beside `bundle` and moves it into place.

    Args:
        facts: goes into `bundle.json`, with the hashes of the weights and the best validation figures.
        run: `run.json`: what was run on what, and how long it took.
        predictions: `validation.csv`: scan, patient, truth and probabilities of each validation scan.
        stages: "slice" and "patient" -> folder of the stage, whose logs go along.
        parts: folder in the bundle -> bundle of a segmenter to copy there, see `train_parts`.
    """
    partial = bundle.with_name(f".{bundle.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, part in parts.items():
        shutil.copytree(part, partial / name)
    networks = {"slice": slice_network, "patient": patient_network}
    validation, weights = {}, {}
    for name, network in networks.items():
        if network is None:
            continue
        network.save(partial / f"{name}.keras")
        weights[name] = weights_hash(network)
        title = f"{config.name}: {name} network"
        validation[name] = keep_stage(stages[name], partial, title, getattr(config, f"{name}_training"))
    if predictions:
        write_predictions(predictions, partial / "validation.csv")
        facts = {**facts, "validation_scans": figures(predictions, config.labels)}
    (partial / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    write_config(portable(config), partial / "config.yaml")
    facts = {"format": 1, **facts, "weights_sha256": weights, "validation": validation}
    (partial / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (partial / "card.md").write_text(_card(config, facts), encoding="utf-8")
    if bundle.exists():
        shutil.rmtree(bundle)
    partial.rename(bundle)


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
    for stage, kept in facts["validation"].items():
        chosen = CHOSEN[getattr(config, f"{stage}_training").keep]
        lines += ["", f"Weights of the {stage} network: epoch {kept['epoch']:g}, {chosen}."]
    return (
        "\n".join(lines)
        + "\n\n`tfcovid evaluate BUNDLE MANIFEST --split val` prints these figures again, for its own manifest."
    )


def _start(config: Config) -> str:
    weights = portable(config).slice_net.weights
    if isinstance(weights, Part):
        weights = " and ".join(weights.model_dump().values())
    return f"Training started from {weights}." if weights else "Training started from random weights."


def portable(config: Config | Segmenter) -> Config | Segmenter:
    """The config with the names of files of weights and of bundles in place of where they lie on this machine."""
    if isinstance(config, Segmenter):
        return config.model_copy(update={"network": _named(config.network, "weights")})
    parts = {"slice_net": _named(config.slice_net, "weights"), "crop": _named(config.crop, "segmenter")}
    if config.lungs:
        parts["lungs"] = portable(config.lungs)
    if config.then:
        then = _named(config.then, "bundle")
        parts["then"] = then.model_copy(update={"segmenter": then.segmenter and portable(then.segmenter)})
    return config.model_copy(update=parts)


def _named(part: Part, key: str) -> Part:
    path = getattr(part, key)
    if isinstance(path, Part):
        for name in type(path).model_fields:
            path = _named(path, name)
        return part.model_copy(update={key: path})
    if not isinstance(path, str) or not Path(path).exists():
        return part
    return part.model_copy(update={key: Path(path).name})
