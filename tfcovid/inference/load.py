import json
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tfcovid.config import Config, Segmenter, load_config
from tfcovid.config.segmenter import LEFT, LUNG
from tfcovid.errors import InputError
from tfcovid.inference.bundles import find_bundle, shipped_bundles
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.runtime.cached import cached, forget, is_cached
from tfcovid.inference.runtime.choose_runtime import RUNTIMES, choose_runtime
from tfcovid.inference.runtime.compiled import COMPILED, LUNGS, MEMBERS, THEN, read_compiled
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.system import System

# Key of bundle.json: which bundles that ship take the place of a system's own segmenters, see `share_parts`.
SHARED = "shared_parts"


def load(bundle: str | Path, runtime: str | None = None, precision: str | None = None) -> System | Ensemble:
    """Loads a trained system or an ensemble, from its folder or by the name of a bundle that ships with tfcovid.

    Args:
        runtime: what runs the networks. None is "keras", or for a bundle that `tfcovid export` compiled what it was
            compiled for. "openvino" and "litert" run on the processor, without TensorFlow: the bundle is compiled for
            them at the first time and kept in `$TFCOVID_CACHE`, by default `~/.cache/tfcovid`. "auto" is OpenVINO
            where it is installed, can run the bundle and there is no GPU, and otherwise Keras. What runs and why is
            in `runtime` of the system and in its results.
        precision: "float32" for that and nothing else, so that figures are the same on every processor. None also
            reads slices in bfloat16, where OpenVINO runs on a processor that has it and no probability of a phantom
            moves by more than 0.01.

    Raises:
        InputError: not a bundle, an incomplete one, one of a later format, or that of a segmenter; a runtime that is
            unknown, not installed, or cannot run the bundle; another precision.
    """
    folder = find_bundle(bundle)
    loaded = _on(folder, runtime, precision)
    if isinstance(loaded, SegmentationSystem):
        raise InputError(
            f"{bundle} outlines {', '.join(loaded.config.labels[1:])} and makes no diagnosis: "
            f"tfcovid segment {bundle} SCAN -o OUT"
        )
    return loaded


def load_segmenter(bundle: str | Path, runtime: str | None = None, precision: str | None = None) -> SegmentationSystem:
    """Loads a segmenter, from its own bundle or from that of a system that goes on to segment.

    Where it does not outline lungs itself, the shipped bundle `lungs` does, so that its results say in which lung
    the infection lies and what share of it is involved.

    Args:
        runtime, precision: as in `load`.

    Raises:
        InputError: as `load`, or a system without a segmenter.
    """
    folder = find_bundle(bundle)
    loaded = _on(folder, runtime, precision)
    if isinstance(loaded, Ensemble):
        loaded = next(iter(loaded.members.values()))
    if isinstance(loaded, System):
        if loaded.then is None:
            raise InputError(
                f"{bundle} is no segmenter, and the bundle of a system that goes on to none. `tfcovid train` makes one "
                "from a config with `task: segment`, or with a section `then`."
            )
        return loaded.then
    return loaded


def lung_finder(
    config: Config, parts: Mapping[str, Path] | None = None, precision: str | None = None
) -> SegmentationSystem | None:
    """What finds the lungs for crop method "attention_unet"; None for other methods.

    Args:
        parts: bundles of the system's segmenters by their folder, which go before the one that the config names.
        precision: as in `load`.

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
    finder = _load(folder, precision)
    if not set(finder.config.labels) & {LUNG, LEFT}:
        raise InputError(
            f"crop.segmenter: {config.crop.segmenter} outlines {', '.join(finder.config.labels[1:])}, not lungs."
        )
    return finder


def is_segmenter(bundle: Path) -> bool:
    """Whether a bundle is that of a segmenter alone."""
    return any((bundle / f"segment{suffix}").is_file() for suffix in (".keras", ".xml", ".tflite"))


def needs_keras(bundle: str | Path, runtime: str | None = None) -> bool:
    """Whether `load` and `load_segmenter` would import Keras, to run the bundle or to compile it.

    Raises:
        InputError: not a bundle, or a runtime that is unknown or not installed.
    """
    folder = find_bundle(bundle)
    if is_compiled(folder):
        return False
    chosen = choose_runtime(runtime or "keras")
    return chosen == "keras" or not is_cached(folder, chosen)


def is_compiled(bundle: Path) -> bool:
    """Whether a bundle is one that `tfcovid export` compiled for a runtime."""
    return any((place / COMPILED).is_file() for place in (bundle, *(bundle / MEMBERS).glob("*")))


def _on(folder: Path, wanted: str | None, precision: str | None) -> System | Ensemble | SegmentationSystem:
    if precision not in (None, "float32"):
        raise InputError(f"precision: float32, or None to choose. Received: {precision}")
    if is_compiled(folder):
        return _as_compiled(folder, wanted, precision)
    runtime = choose_runtime(wanted or "keras")
    if runtime == "keras":
        return _load(folder)
    try:
        return _from_cache(folder, runtime, precision)
    except InputError as error:
        if wanted != "auto":
            raise
        loaded = _load(folder)
        _say(loaded, str(error))
        return loaded


def _as_compiled(folder: Path, wanted: str | None, precision: str | None) -> System | Ensemble | SegmentationSystem:
    loaded = _load(folder, precision)
    first = next(iter(loaded.members.values())) if isinstance(loaded, Ensemble) else loaded
    held = first.runtime["name"]
    if wanted not in (None, "auto", held):
        known = "" if wanted in RUNTIMES else f" There are {', '.join(RUNTIMES)}."
        raise InputError(
            f"{folder} was compiled for {held} and holds nothing else: give the bundle that `tfcovid train` wrote, or "
            f"another runtime.{known} Received: {wanted}"
        )
    return loaded


def _from_cache(folder: Path, runtime: str, precision: str | None) -> System | Ensemble | SegmentationSystem:
    def compile_into(place: Path) -> None:
        from tfcovid.inference.runtime.check_compiled import check_compiled
        from tfcovid.inference.runtime.compile_bundle import compile_bundle

        system = _load(folder)
        compile_bundle(system, place, runtime)
        check_compiled(system, place)

    place, note = cached(folder, runtime, compile_into)
    try:
        loaded = _load(place, precision)
    except InputError:
        forget(folder, runtime)
        place, note = cached(folder, runtime, compile_into)
        loaded = _load(place, precision)
        note = f"what the cache held was damaged and has been made again. {note}".strip()
    _say(loaded, note)
    return loaded


def _say(loaded: System | Ensemble | SegmentationSystem, note: str) -> None:
    for one in loaded.members.values() if isinstance(loaded, Ensemble) else [loaded]:
        for part in filter(None, (one, getattr(one, "then", None))):
            notes = [text for text in (note, part.runtime.get("note")) if text]
            part.runtime |= {"note": "; ".join(notes)} if notes else {}


def _load(bundle: Path, precision: str | None = None) -> System | Ensemble | SegmentationSystem:
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
            return _segmenter(bundle, config, facts, precision)
        if "members" in facts:
            members = {name: _load(bundle / MEMBERS / name, precision) for name in facts["members"]}
            return Ensemble(config, members, facts, _card(bundle))
        return _system(bundle, config, facts, precision)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{bundle}: incomplete or damaged bundle: {error}; copy or train it again.") from error


def _segmenter(bundle: Path, config: Segmenter, facts: dict[str, Any], precision: str | None) -> SegmentationSystem:
    """With what finds the lungs, where it does not outline them."""
    card = _card(bundle)
    if (bundle / COMPILED).is_file():
        finder = _load(bundle / LUNGS, precision) if (bundle / LUNGS).is_dir() else None
        return SegmentationSystem(config, None, facts, finder, card=card, compiled=read_compiled(bundle, precision))
    found = SegmentationSystem(config, _keras(bundle / "segment.keras"), facts, card=card)
    if not set(config.labels) & {LUNG, LEFT} and LUNGS in shipped_bundles():
        found.finder = _shipped_lungs()
    return found


def _system(bundle: Path, config: Config, facts: dict[str, Any], precision: str | None) -> System:
    finder = lung_finder(config, {LUNGS: _part(bundle, LUNGS, facts)}, precision)
    then = _load(_part(bundle, THEN, facts), precision) if config.then else None
    if then is not None and finder is not None and not set(then.config.labels) & {LUNG, LEFT}:
        then.finder = finder
    if (bundle / COMPILED).is_file():
        return System(config, None, None, facts, finder, then, _card(bundle), read_compiled(bundle, precision))
    slice_network = _keras(bundle / "slice.keras")
    patient = _keras(bundle / "patient.keras") if config.trains_patients else None
    classes = slice_network.output["disease"].shape[-1]
    if classes != len(config.labels):
        raise InputError(
            f"{bundle}: damaged bundle: {len(config.labels)} labels in config.yaml for a network of {classes} classes; "
            "copy or train it again."
        )
    return System(config, slice_network, patient, facts, finder, then, _card(bundle))


def _part(bundle: Path, name: str, facts: dict[str, Any]) -> Path:
    """The folder of a segmenter of a system: its own, or of a system that ships the one that ships beside it.

    Raises:
        InputError: the one beside it has other weights.
    """
    shared = facts.get(SHARED, {}).get(name)
    if (bundle / name).is_dir() or shared is None:
        return bundle / name
    folder = find_bundle(shared["bundle"])
    there = json.loads((folder / "bundle.json").read_text(encoding="utf-8")).get("weights_sha256")
    if there != shared["weights_sha256"]:
        raise InputError(
            f"{bundle} goes with another version of the bundle {shared['bundle']} than the one in {folder}: take both "
            "from one release of tfcovid."
        )
    return folder


def _keras(file: Path):
    import keras

    import tfcovid.layers  # noqa: F401, whose classes are in the files

    return keras.saving.load_model(file, compile=False)


def _card(bundle: Path) -> str:
    card = bundle / "card.md"
    return card.read_text(encoding="utf-8") if card.is_file() else ""


@lru_cache(maxsize=1)
def _shipped_lungs() -> SegmentationSystem:
    return _load(shipped_bundles()[LUNGS])
