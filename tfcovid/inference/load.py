import json
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import Config, Segmenter, load_config
from tfcovid.config.segmenter import LEFT, LUNG
from tfcovid.errors import InputError
from tfcovid.inference.bundles import find_bundle, shipped_bundles
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.system import System

# Folders of a bundle that hold the bundle of a segmenter each.
LUNGS, THEN = "lungs", "then"


def load(bundle: str | Path) -> System | Ensemble:
    """Loads a trained system or an ensemble, from its folder or by the name of a bundle that ships with tfcovid.

    Raises:
        InputError: not a bundle, an incomplete one, one of a later format, or that of a segmenter.
    """
    folder = find_bundle(bundle)
    loaded = _load(folder)
    if isinstance(loaded, SegmentationSystem):
        raise InputError(
            f"{bundle} outlines {', '.join(loaded.config.labels[1:])} and makes no diagnosis: "
            f"tfcovid segment {bundle} SCAN -o OUT"
        )
    return loaded


def load_segmenter(bundle: str | Path) -> SegmentationSystem:
    """Loads a segmenter, from its own bundle or from that of a system that goes on to segment.

    Where it does not outline lungs itself, the shipped bundle `lungs` does, so that its results say in which lung
    the infection lies and what share of it is involved.

    Raises:
        InputError: as `load`, or a system without a segmenter.
    """
    folder = find_bundle(bundle)
    loaded = _load(folder)
    if isinstance(loaded, Ensemble):
        loaded = next(iter(loaded.members.values()))
    if isinstance(loaded, System):
        if loaded.then is None:
            raise InputError(
                f"{bundle} is no segmenter, and the bundle of a system that goes on to none. `tfcovid train` makes one "
                "from a config with `task: segment`, or with a section `then`."
            )
        return loaded.then
    return _with_finder(loaded)


def lung_finder(config: Config, parts: Mapping[str, Path] | None = None) -> SegmentationSystem | None:
    """What finds the lungs for crop method "attention_unet"; None for other methods.

    Args:
        parts: bundles of the system's segmenters by their folder, which go before the one that the config names.

    Raises:
        InputError: no such bundle, or one that outlines no lungs.
    """
    if config.crop.method != "attention_unet":
        return None
    folder = (parts or {}).get(LUNGS) or find_bundle(config.crop.segmenter)
    if parts and not folder.is_dir():
        raise InputError(f"{folder.parent}: incomplete or damaged bundle: no {folder.name}; copy or train it again.")
    if not is_segmenter(folder):
        raise InputError(f"crop.segmenter: not the bundle of a segmenter. Received: {config.crop.segmenter}")
    finder = _load(folder)
    if not set(finder.config.labels) & {LUNG, LEFT}:
        raise InputError(
            f"crop.segmenter: {config.crop.segmenter} outlines {', '.join(finder.config.labels[1:])}, not lungs."
        )
    return finder


def is_segmenter(bundle: Path) -> bool:
    """Whether a bundle is that of a segmenter alone."""
    return (bundle / "segment.keras").is_file()


def _load(bundle: Path) -> System | Ensemble | SegmentationSystem:
    facts_file = bundle / "bundle.json"
    try:
        facts = json.loads(facts_file.read_text(encoding="utf-8"))
        if facts["format"] != 1:
            raise InputError(f"{bundle}: a bundle of format {facts['format']}; this tfcovid reads format 1. Update it.")
        config_file = bundle / "config.yaml"
        if not config_file.is_file():
            raise InputError(f"{bundle}: incomplete or damaged bundle: no config.yaml; copy or train it again.")
        config = load_config(config_file)
        if isinstance(config, Segmenter):
            network = keras.saving.load_model(bundle / "segment.keras", compile=False)
            return SegmentationSystem(config, network, facts)
        if "members" in facts:
            members = {name: _load(bundle / "members" / name) for name in facts["members"]}
            return Ensemble(config, members, facts, _card(bundle))
        return _system(bundle, config, facts)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{bundle}: incomplete or damaged bundle: {error}; copy or train it again.") from error


def _system(bundle: Path, config: Config, facts: dict[str, Any]) -> System:
    slice_network = keras.saving.load_model(bundle / "slice.keras", compile=False)
    patient_file = bundle / "patient.keras"
    patient = keras.saving.load_model(patient_file, compile=False) if config.trains_patients else None
    classes = slice_network.output["disease"].shape[-1]
    if classes != len(config.labels):
        raise InputError(
            f"{bundle}: damaged bundle: {len(config.labels)} labels in config.yaml for a network of {classes} classes; "
            "copy or train it again."
        )
    finder = lung_finder(config, {LUNGS: bundle / LUNGS})
    then = _with_finder(_load(bundle / THEN), finder) if config.then else None
    return System(config, slice_network, patient, facts, finder, then, _card(bundle))


def _card(bundle: Path) -> str:
    card = bundle / "card.md"
    return card.read_text(encoding="utf-8") if card.is_file() else ""


def _with_finder(segmenter: SegmentationSystem, finder: SegmentationSystem | None = None) -> SegmentationSystem:
    if not set(segmenter.config.labels) & {LUNG, LEFT}:
        segmenter.finder = finder or (_shipped_lungs() if LUNGS in shipped_bundles() else None)
    return segmenter


@lru_cache(maxsize=1)
def _shipped_lungs() -> SegmentationSystem:
    return _load(shipped_bundles()[LUNGS])
