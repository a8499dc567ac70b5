"""Writes the bundle of a segmenter: everything that is needed to use it, in one folder."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import Segmenter, write_config
from tfcovid.evaluation.mask_tables import MaskRow, mask_figures, mask_table, write_mask_rows
from tfcovid.networks import weights_hash
from tfcovid.training.bundle import CHOSEN, portable
from tfcovid.training.keep_stage import keep_stage

_CARD = """# {name}

A segmenter of chest CT trained by tfcovid {version}: {labels}.

**Research use only.** Not a medical device; not for diagnosis or treatment. Its figures hold for data like its
validation data, and for no other scanner, hospital, population or time without a test there.

| | scans | by label of the manifest |
|---|---|---|
{counts}

{validation}

Input: chest CT in Hounsfield units{eight_bit}.
Preprocessing, network and seeds are in `config.yaml`; the preprocessing there is what `tfcovid segment` uses. Training
started from {start}. Hashes of the weights: `bundle.json`; data, devices and times: `run.json`; learning curves:
`segment_curves.png`.
"""


def write_segmenter_bundle(
    bundle: Path,
    config: Segmenter,
    network: keras.Model,
    facts: dict[str, Any],
    run: dict[str, Any],
    rows: Sequence[MaskRow],
    work: Path,
) -> None:
    """Writes a bundle beside `bundle` and moves it into place.

    Args:
        facts: goes into `bundle.json`, with the hash of the weights and the validation figures.
        run: `run.json`: what was run on what, and how long it took.
        rows: `validation.csv`: the scores of each validation scan, label by label.
        work: folder of the stage, whose log goes along.
    """
    partial = bundle.with_name(f".{bundle.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    network.save(partial / "segment.keras")
    kept = keep_stage(work / "segment", partial, f"{config.name}: segmentation network", config.training)
    facts = {"format": 1, **facts, "weights_sha256": {"segment": weights_hash(network)}}
    facts["validation"] = {"segment": kept}
    if rows:
        write_mask_rows(rows, partial / "validation.csv")
        facts["validation_scans"] = mask_figures(rows)
    (partial / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    write_config(portable(config), partial / "config.yaml")
    (partial / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (partial / "card.md").write_text(_card(config, facts, rows), encoding="utf-8")
    if bundle.exists():
        shutil.rmtree(bundle)
    partial.rename(bundle)


def _card(config: Segmenter, facts: dict[str, Any], rows: Sequence[MaskRow]) -> str:
    counts = [
        f"| {split} | {sum(found.values())} | {', '.join(f'{label} {n}' for label, n in found.items())} |"
        for split, found in facts["data"].items()
    ]
    validation = "There were no validation scans: nothing is known of its accuracy."
    if rows:
        chosen = CHOSEN[config.training.keep]
        validation = (
            "Validation, mean and standard deviation over patients, scan by scan on the working grid:\n\n"
            + "\n".join(mask_table(rows))
            + f"\n\nWeights: epoch {facts['validation']['segment']['epoch']:g}, {chosen}."
            + (" No clicks were made." if config.guidance else "")
        )
    window, weights = config.eight_bit, portable(config).network.weights
    return _CARD.format(
        name=config.name,
        version=facts["versions"]["tfcovid"],
        labels=", ".join(config.labels[1:]),
        counts="\n".join(counts),
        validation=validation,
        eight_bit=f", or 8-bit pixels made with window {window.center:g}/{window.width:g}" if window else " only",
        start=weights or "random weights",
    )
