"""A bundle in a form that runs without TensorFlow and Keras."""

import json
from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras

from tfcovid.config import write_config
from tfcovid.errors import InputError
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.runtime.compiled import COMPILED, LUNGS, MEMBERS, THEN, file_hash, network_file
from tfcovid.inference.runtime.quiet_openvino import quiet_openvino
from tfcovid.inference.runtime.read_together import read_together
from tfcovid.inference.runtime.save_frozen import save_frozen
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.inference.system import System

# Of the litert runtime, whose models have fixed sides. No chest CT has as many slices, and no reader clicks as often.
MOST_SLICES, MOST_CLICKS = 1024, 32


def compile_bundle(system: System | Ensemble | SegmentationSystem, folder: Path, runtime: str) -> None:
    """Writes a compiled bundle: folders and facts as in the bundle, and float32 networks for another runtime.

    In place of `.keras` files there are, of "openvino", `slice.xml` (of `read_together`) and `patient.xml`, or
    `segment.xml` (of `inference_graph`), with their weights in `.bin`; of "litert" the same as `.tflite`.
    `compiled.json` says which, and the hashes of the files. What finds lungs is in `lungs`, what follows in `then`.

    Args:
        system: as the runtime "keras" loads it.
        folder: an empty one, or one that is not there yet.

    Raises:
        InputError: a network that the runtime cannot run.
    """
    for place, part in parts(system):
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "bundle.json").write_text(json.dumps(part.facts, indent=2) + "\n", encoding="utf-8")
        write_config(part.config, folder / place / "config.yaml")
        if part.card:
            (folder / place / "card.md").write_text(part.card, encoding="utf-8")
        if not isinstance(part, Ensemble):
            _networks(part, folder / place, runtime)


def parts(
    system: System | Ensemble | SegmentationSystem, place: Path = Path()
) -> Iterator[tuple[Path, System | Ensemble | SegmentationSystem]]:
    """A system and the systems within it, each with its folder below that of the first."""
    yield place, system
    if isinstance(system, Ensemble):
        for name, member in system.members.items():
            yield from parts(member, place / MEMBERS / name)
        return
    if system.finder is not None:
        yield from parts(system.finder, place / LUNGS)
    if isinstance(system, System) and system.then is not None:
        then = copy(system.then)
        if then.finder is system.finder:  # need not be there twice
            then.finder = None
        yield from parts(then, place / THEN)


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes `compiled.json`, with the hashes of the files that are there."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".xml", ".bin", ".tflite"))
    held = {**facts, "files": {path.name: file_hash([path]) for path in files}}
    (folder / COMPILED).write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")


def _networks(system: System | SegmentationSystem, folder: Path, runtime: str) -> None:
    facts: dict[str, Any] = {"format": 1, "runtime": runtime, "precision": "float32", "bfloat16": None}
    if isinstance(system, SegmentationSystem):
        facts |= {"hash": system.hash, "inner": system.inner}
        # Whether it takes slices one by one.
        facts["networks"] = {"segment": system.config.network.kind == "attention_unet"}
        models = {"segment": (system._model, {"clicks": (1, 2, MOST_CLICKS, 3)})}
    else:
        facts["networks"] = {"slice": True}
        models = {"slice": (read_together(system.config, system.slice_network), {})}
        if system.patient_network is not None:
            facts["networks"]["patient"] = False
            models["patient"] = system.patient_network, _sides(system)
    for name, (model, sides) in models.items():
        # Of fixed sides TFLite's converter translates what it refuses of open ones.
        _convert(_with_sides(model, sides) if runtime == "litert" else model, network_file(folder, name, runtime))
    write_facts(folder, facts)


def _sides(system: System) -> dict[str, tuple[int, ...]]:
    settings, windows = system.config.patient_net, len(system.config.window.predict)
    drawn = getattr(settings, "draws", 1) > 1
    slices, width = settings.count if drawn else MOST_SLICES, system.patient_network.input["features"].shape[-1]
    return {"features": (windows, slices, width), "slice_mask": (windows, slices)}


def _with_sides(model: keras.Model, sides: Mapping[str, tuple[int, ...]]) -> keras.Model:
    """The same model for inputs of one shape: that named, or a batch of one."""
    inputs = {
        one.name: keras.Input(batch_shape=sides.get(one.name, (1, *one.shape[1:])), dtype=one.dtype, name=one.name)
        for one in model.inputs
    }
    given = inputs if isinstance(model.input, dict) else next(iter(inputs.values()))
    return keras.Model(given, model(given, training=False))


def _convert(model: keras.Model, file: Path) -> None:
    with TemporaryDirectory() as frozen:
        save_frozen(model, frozen)
        try:
            if file.suffix == ".tflite":
                _to_litert(frozen, file)
            else:
                from tfcovid.inference.runtime.openvino_network import core

                quiet_openvino().save_model(core().read_model(frozen), file, compress_to_fp16=False)
        except Exception as error:  # of many kinds, all from the converters
            words = " ".join(str(error).split()) or repr(error)
            runtime = "litert" if file.suffix == ".tflite" else "openvino"
            raise InputError(
                f"the network {file.stem} of this bundle cannot run on {runtime}: use the runtime keras. "
                f"Received: {words[:300]}"
            ) from error


def _to_litert(frozen: str, file: Path) -> None:
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(frozen).convert())
    # Some models convert, and fail when they are to run.
    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    interpreter.invoke()
