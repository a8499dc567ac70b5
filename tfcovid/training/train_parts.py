"""The segmenters of a system, each in a bundle of its own: trained beside the system, or one that is there."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfcovid.config import Config, Segmenter
from tfcovid.config.segmenter import INFECTION
from tfcovid.data import Entry
from tfcovid.errors import InputError
from tfcovid.inference.bundles import find_bundle
from tfcovid.inference.load import LUNGS, THEN, is_segmenter
from tfcovid.training.train_segmenter import check_segmenter_run, train_segmenter


def parts_of(config: Config) -> dict[str, Segmenter | str]:
    """The segmenters of a system, by their folder in its bundle: a section to train, or the bundle it names."""
    parts = {}
    if config.crop.method == "attention_unet":
        parts[LUNGS] = config.lungs or config.crop.segmenter
    if config.then:
        parts[THEN] = config.then.segmenter or config.then.bundle
    return parts


def check_parts(config: Config, entries: Sequence[Entry], masks: Sequence[Entry] | None, bundle: Path) -> None:
    """Raises an InputError for what `train_parts` would stop at before it reads a scan."""
    parts = parts_of(config)
    if masks is not None and not any(isinstance(part, Segmenter) for part in parts.values()):
        raise InputError(
            f"masks are given, and config {config.name} trains no segmenter: that takes a section lungs, or a section "
            "segmenter in then."
        )
    for folder, part in parts.items():
        if isinstance(part, Segmenter):
            check_segmenter_run(
                part, _with_masks(folder, part, entries, masks), _beside(bundle, folder), overwrite=True
            )
        elif not is_segmenter(find_bundle(part)):
            raise InputError(f"{_SETTING[folder]}: not the bundle of a segmenter. Received: {part}")


def train_parts(
    config: Config, entries: Sequence[Entry], masks: Sequence[Entry] | None, bundle: Path, **options: Any
) -> tuple[dict[str, Path], list[tuple[Entry, str]]]:
    """Trains the segmenters that `config` has sections for; one that an earlier, stopped call finished is kept.

    Args:
        masks: scans with masks to train them on; None for those of `entries` that have the masks.
        options: as `train_segmenter` takes them.

    Returns:
        The bundles of all segmenters, by their folder, and the scans that could not be read with the reason.
    """
    found, failed = {}, []
    for folder, part in parts_of(config).items():
        if not isinstance(part, Segmenter):
            found[folder] = find_bundle(part)
            continue
        found[folder] = _beside(bundle, folder)
        usable = _with_masks(folder, part, entries, masks)
        failed += train_segmenter(part, usable, found[folder], keep=True, **options)[1]
    return found, failed


def clear_parts(config: Config, bundle: Path) -> None:
    """Removes the bundles that `train_parts` left beside that of the system."""
    for folder, part in parts_of(config).items():
        if isinstance(part, Segmenter):
            shutil.rmtree(_beside(bundle, folder), ignore_errors=True)


_SETTING = {LUNGS: "crop.segmenter", THEN: "then.bundle"}


def _beside(bundle: Path, folder: str) -> Path:
    return bundle.with_name(f"{bundle.name}.{folder}")


def _with_masks(folder: str, part: Segmenter, entries: Sequence[Entry], masks: Sequence[Entry] | None) -> list[Entry]:
    needed = [name for name, wanted in _columns(part) if wanted]
    found = [entry for entry in masks or entries if all(getattr(entry, name) for name in needed)]
    if not any(entry.split in (None, "train") for entry in found):
        where = "the manifest of the masks" if masks is not None else "the manifest"
        instead = (
            "; or take the segmenter that ships: lungs=null"
            if folder == LUNGS
            else "; or name a bundle in place of the section: then.segmenter=null then.bundle=BUNDLE"
        )
        raise InputError(
            f"segmenter {part.name} learns from masks, and no scan to train in {where} has the column(s) "
            f"{', '.join(needed)}. Give a manifest that has them (--masks){instead}."
        )
    return found


def _columns(part: Segmenter) -> list[tuple[str, bool]]:
    return [("lungs", len(set(part.labels) - {INFECTION}) > 1), ("lesions", INFECTION in part.labels)]
