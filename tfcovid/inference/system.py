"""A trained system: from a scan to a diagnosis."""

import json
import zipfile
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Any

import keras
import numpy as np

from tfcovid.config import Config, load_config
from tfcovid.data.network_slices import network_slices
from tfcovid.errors import InputError
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.nonparametric import assess_patient, assess_slices
from tfcovid.networks import windowed
from tfcovid.progress import with_progress
from tfcovid.scans import Scan

_BATCH = 8  # slices; each is seen through every window


@dataclass
class System:
    """What a bundle holds, ready to diagnose."""

    config: Config
    slice_network: keras.Model
    patient_network: keras.Model | None
    facts: dict[str, Any]
    _windowed: keras.Model = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._windowed = windowed(self.slice_network, self.config.window.predict, self.config.window.width)

    def predict(self, scan: Scan, progress: bool = False) -> Diagnosis:
        """Diagnoses a scan of any number of slices.

        Raises:
            InputError: a scan whose pixels the system cannot read, see `Config.eight_bit`.
        """
        started = perf_counter()
        slices = network_slices(scan, self.config)
        cropped = perf_counter()
        outputs = self._run(slices.hu, progress)
        disease, lesion = outputs["disease"], outputs.get("lesion")
        by_slice = assess_slices(disease, lesion)
        joined = by_slice.mean(axis=1)
        label, by_window = self._patient(disease, by_slice, outputs["features"])
        finished = perf_counter()
        return Diagnosis(
            scan=scan,
            labels=self.config.labels,
            label=self.config.labels[label],
            by_window=dict(zip(self.config.window.predict, by_window, strict=True)),
            slices=slices,
            slice_probabilities=joined,
            lesion_probabilities=1 - joined[:, 0] if lesion is None else lesion.mean(axis=1)[:, 1],
            small_map=outputs["lesion_map"][..., 0] if "lesion_map" in outputs else None,
            settings=self.config.model_dump(mode="json"),
            bundle=self.facts,
            timings={"crop": cropped - started, "networks": finished - cropped},
        )

    def _run(self, hu: np.ndarray, progress: bool) -> dict[str, np.ndarray]:
        starts = range(0, len(hu), _BATCH)
        outputs = []
        for start in with_progress(starts, len(starts), "Reading slices", progress):
            batch = hu[start : start + _BATCH, ..., None]
            # Filled up, so that the network is traced once and not again for the last few slices.
            filled = np.pad(batch, [(0, _BATCH - len(batch)), (0, 0), (0, 0), (0, 0)], mode="edge")
            found = self._windowed.predict_on_batch(filled)
            outputs.append({name: value[: len(batch)] for name, value in found.items()})
        return {name: np.concatenate([one[name] for one in outputs]) for name in outputs[0]}

    def _patient(self, disease: np.ndarray, by_slice: np.ndarray, features: np.ndarray) -> tuple[int, np.ndarray]:
        """The class, and `(windows, classes)` probabilities; for "nonparametric" the shares of slices called so."""
        if self.patient_network is not None:
            features = np.moveaxis(features, 1, 0)
            mask = np.ones(features.shape[:2], bool)
            by_window = self.patient_network.predict_on_batch({"features": features, "slice_mask": mask})
        elif self.config.patient_net.kind == "nonparametric":
            threshold = self.config.patient_net.threshold
            label, _ = assess_patient(by_slice.mean(axis=1), threshold)
            return label, np.stack([assess_patient(one, threshold)[1] for one in np.moveaxis(by_slice, 1, 0)])
        else:
            by_window = disease.mean(axis=0)
        return int(by_window.mean(axis=0).argmax()), by_window


def shipped_bundles() -> dict[str, Path]:
    """Name -> folder of the bundles that ship with tfcovid."""
    return {path.parent.name: path.parent for path in Path(str(files("tfcovid.saved_models"))).glob("*/bundle.json")}


def load(bundle: str | Path) -> System:
    """Loads a trained system, from its folder or by the name of a bundle that ships with tfcovid.

    Raises:
        InputError: not a bundle, an incomplete one, or one of a later format.
    """
    folder = Path(bundle)
    # A folder that is no bundle does not stand in the way of a name: `tfcovid demo` makes a folder "demo".
    bundle = folder if (folder / "bundle.json").is_file() else shipped_bundles().get(str(bundle), folder)
    facts_file = bundle / "bundle.json"
    if not facts_file.is_file():
        raise InputError(
            f"not a bundle: `tfcovid train` writes one, a folder with bundle.json. "
            f"Shipped, by name: {', '.join(shipped_bundles()) or 'none'}. Received: {bundle}"
        )
    try:
        facts = json.loads(facts_file.read_text(encoding="utf-8"))
        if facts["format"] != 1:
            raise InputError(f"{bundle}: a bundle of format {facts['format']}; this tfcovid reads format 1. Update it.")
        config_file = bundle / "config.yaml"
        if not config_file.is_file():
            raise InputError(f"{bundle}: incomplete or damaged bundle: no config.yaml; copy or train it again.")
        config = load_config(config_file)
        slice_network = keras.saving.load_model(bundle / "slice.keras", compile=False)
        patient_file = bundle / "patient.keras"
        patient = keras.saving.load_model(patient_file, compile=False) if config.trains_patients else None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{bundle}: incomplete or damaged bundle: {error}; copy or train it again.") from error
    classes = slice_network.output["disease"].shape[-1]
    if classes != len(config.labels):
        raise InputError(
            f"{bundle}: damaged bundle: {len(config.labels)} labels in config.yaml for a network of {classes} classes; "
            "copy or train it again."
        )
    return System(config, slice_network, patient, facts)
