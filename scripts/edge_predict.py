"""Diagnoses a scan on a small computer, from what `tfcovid export BUNDLE --to tflite` wrote. Research use only.

    python scripts/edge_predict.py EXPORT_FOLDER SCAN --precision int8 --json answer.json

Without TensorFlow: NumPy, LiteRT (`pip install ai-edge-litert`) and the parts of tfcovid that read and crop a scan.
docs/edge.md lists the packages that these need. EXPORT_FOLDER holds the networks and an `export.json` that says how
they go together. The steps are those that a program in another language would take:

    read the scan -> select, crop and resize its slices -> look at each through every CT window -> join the slices.

SCAN is a folder of DICOM files, a .zip of one, a NIfTI file, or a folder of slice images. The segmentation that some
systems go on to is left out. Exit code 2: something is wrong with what was given, and the words say what.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np

from tfcovid.config import Config, Segmenter
from tfcovid.data.network_slices import network_slices
from tfcovid.errors import InputError
from tfcovid.preprocess import crop_resize, largest_components, window
from tfcovid.scans import read_scan


class Network:
    """One .tflite file: arrays by the names of its inputs in, arrays by the names of its outputs out."""

    def __init__(self, file: Path, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        if not file.is_file():
            raise InputError(
                f"{file.parent}: incomplete export: copy it again, all files of it. Received: no {file.name}"
            )
        self._run = Interpreter(model_path=str(file), num_threads=threads).get_signature_runner()

    def __call__(self, name: str, array: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the entries of the first axis one by one, as the file holds a batch of one."""
        found = [self._run(**{name: array[i : i + 1]}) for i in range(len(array))]
        return {key: np.concatenate([one[key] for one in found]) for key in found[0]}


class Lungs:
    """Finds the lungs, for systems that crop by them."""

    hash = ""  # what tells finders apart in a training run

    def __init__(self, network: Network, config: Segmenter):
        self._network, self._config = network, config

    def lungs(self, hu: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
        """(slices, height, width) HU to bool."""
        level, whole = self._config.window, np.tile(np.int32([0, 0, *hu.shape[1:]]), (len(hu), 1))
        levels = window(crop_resize(hu, whole, self._config.network.size), level.center, level.width)
        found = np.empty(hu.shape, bool)
        for k, one in enumerate(self._network("levels", levels[..., None])["probabilities"]):
            found[k] = cv2.resize(one, hu.shape[:0:-1], interpolation=cv2.INTER_LINEAR).argmax(axis=-1) > 0
        return largest_components(found)


class EdgeSystem:
    """One system of an export; an ensemble has several."""

    def __init__(self, folder: Path, export: dict, member: dict, precision: str, threads: int):
        def network(part: str) -> Network | None:
            if part not in member:
                return None
            files = export["networks"][member[part]]["files"]
            # A patient network comes in float32 alone.
            return Network(folder / files.get(precision, files.get("float32"))["file"], threads)

        self.config = Config.model_validate(member["config"])
        self._slice, self._patient, lungs = network("slice"), network("patient"), network("lungs")
        self._lungs = lungs and Lungs(lungs, Segmenter.model_validate(member["lungs_config"]))
        self._draws = np.load(folder / member["draws"]) if "draws" in member else None

    def answer(self, scan) -> tuple[np.ndarray, np.ndarray]:
        """(windows, labels) probabilities of the scan, and (slices, labels) of the slices that were read."""
        slices = network_slices(scan, self.config, finder=self._lungs).hu
        seen = [self._through_window(slices, center) for center in self.config.window.predict]
        disease, features = (np.stack([one[name] for one in seen]) for name in ("disease", "features"))
        by_slice = disease
        if "lesion" in seen[0]:  # sick is a slice with a lesion that the other head does not call healthy
            lesion = np.stack([one["lesion"] for one in seen])
            by_slice = lesion[..., 1:] * disease
            by_slice[..., 0] += lesion[..., 0]
        return self._joined(disease, by_slice, features), by_slice.mean(axis=0)

    def _through_window(self, slices: np.ndarray, center: float) -> dict[str, np.ndarray]:
        levels = window(slices, center, self.config.window.width)[..., None]
        found = self._slice("levels", levels)
        if not self.config.mirror:
            return found
        mirrored = self._slice("levels", levels[:, :, ::-1])
        return {name: (found[name] + mirrored[name]) / 2 for name in ("disease", "features")}

    def _joined(self, disease: np.ndarray, by_slice: np.ndarray, features: np.ndarray) -> np.ndarray:
        """From (windows, slices, ...) to (windows, labels), as the system's `patient_net` has it."""
        settings = self.config.patient_net
        if settings.kind == "nonparametric":
            return shares(by_slice)
        if self._patient is None:
            join = np.mean if settings.kind == "mean" else np.max
            drawn = self._some_slices(disease.shape[1], settings)
            return np.mean([join(disease[:, some], axis=1) for some in drawn], axis=0)
        draws = [features]
        if self._draws is not None:
            draws = [self._drawn(features, numbers) for numbers in self._draws]
        return np.mean([self._patient("features", one)["probabilities"] for one in draws], axis=0)

    def _some_slices(self, slices: int, settings) -> list[np.ndarray]:
        """The slices of each draw, where scores are joined: all, or so many at random."""
        if settings.slices is None or settings.slices >= slices:
            return [np.arange(slices)]
        rng = np.random.default_rng(self.config.seed)
        return [np.sort(rng.choice(slices, settings.slices, replace=False)) for _ in range(settings.draws)]

    def _drawn(self, features: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """(windows, slices, channels) to (windows, count, channels): all slices alike, some once more."""
        windows, slices = features.shape[:2]
        if windows * slices > len(numbers):
            raise InputError(f"a scan has up to {len(numbers) // windows} slices here; give a part. Received: {slices}")
        order = numbers[: windows * slices].reshape(windows, slices).argsort(axis=1, kind="stable")
        times = self.config.patient_net.count // slices + (order < self.config.patient_net.count % slices)
        return np.stack([np.repeat(one, often, axis=0) for one, often in zip(features, times, strict=True)])


def shares(by_slice: np.ndarray) -> np.ndarray:
    """(..., slices, labels) probabilities to (..., labels), the share of slices that are called each."""
    return np.eye(by_slice.shape[-1])[by_slice.argmax(axis=-1)].mean(axis=-2)


def predict(folder: Path, path: Path, precision: str | None = None, threads: int | None = None) -> dict:
    """The answer, ready for JSON."""
    try:
        export = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"not an export: `tfcovid export BUNDLE --to tflite -o FOLDER` makes one. Received: {folder}"
                         ) from error  # fmt: skip
    if export.get("format") != "tflite" or "members" not in export:
        raise InputError(f"{folder}: not a TFLite export of a system that diagnoses. Received: {export.get('format')}")
    precision = precision or next(iter(export["tolerances"]))
    if precision not in export["tolerances"]:
        raise InputError(f"--precision: {folder} has {', '.join(export['tolerances'])}. Received: {precision}")
    threads = threads or os.cpu_count()
    systems = [EdgeSystem(folder, export, one, precision, threads) for one in export["members"].values()]
    scan = read_scan(path)
    answers, slices = zip(*(system.answer(scan) for system in systems), strict=True)
    probabilities = np.mean(answers, axis=(0, 1))
    config = Config.model_validate(export["config"])
    decided = probabilities
    if config.patient_net.kind == "nonparametric" and len(systems) == 1:
        decided = shares(slices[0])  # its rule counts slices once, and not once a window
    return {
        "label": config.labels[config.decide(decided)],
        "probabilities": dict(zip(config.labels, map(float, probabilities), strict=True)),
        # Members of an ensemble may read other slices: those of the first.
        "slice_probabilities": slices[0].tolist(),
        "precision": precision,
        "findings": [str(finding) for finding in scan.findings],
        "notice": export["notice"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, metavar="EXPORT_FOLDER", help="what `tfcovid export --to tflite` wrote")
    parser.add_argument("scan", type=Path, metavar="SCAN", help="DICOM folder, .zip, NIfTI, or folder of slice images")
    parser.add_argument("--precision", help="float32, float16, dynamic or int8; the first that the export has")
    parser.add_argument("--threads", type=int, help="that run the networks; one for each core")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the answer and that for every slice too")
    options = parser.parse_args()
    try:
        if not options.scan.exists():
            raise InputError(f"no such scan. Received: {options.scan}")
        found = predict(options.export, options.scan, options.precision, options.threads)
    except (InputError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    for finding in found["findings"]:
        print(f"  {finding}", file=sys.stderr)
    print(found["label"])
    for label, value in found["probabilities"].items():
        print(f"  {label:12} {value:.3f}")
    print(found["notice"])
    if options.json:
        partial = options.json.with_name(f".partial-{options.json.name}")
        partial.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        partial.replace(options.json)


if __name__ == "__main__":
    main()
