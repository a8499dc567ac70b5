import json
import zipfile
from pathlib import Path
from typing import Any

import keras

from tfcovid.config import load_config
from tfcovid.errors import InputError
from tfcovid.inference.bundles import find_bundle
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.system import System


def load(bundle: str | Path) -> System | Ensemble:
    """Loads a trained system or an ensemble, from its folder or by the name of a bundle that ships with tfcovid.

    Raises:
        InputError: not a bundle, an incomplete one, or one of a later format.
    """
    bundle = find_bundle(bundle)
    facts_file = bundle / "bundle.json"
    try:
        facts = json.loads(facts_file.read_text(encoding="utf-8"))
        if facts["format"] != 1:
            raise InputError(f"{bundle}: a bundle of format {facts['format']}; this tfcovid reads format 1. Update it.")
        config_file = bundle / "config.yaml"
        if not config_file.is_file():
            raise InputError(f"{bundle}: incomplete or damaged bundle: no config.yaml; copy or train it again.")
        config = load_config(config_file)
        if "members" in facts:
            return Ensemble(config, {name: load(bundle / "members" / name) for name in facts["members"]}, facts)
        return _system(bundle, config, facts)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{bundle}: incomplete or damaged bundle: {error}; copy or train it again.") from error


def _system(bundle: Path, config, facts: dict[str, Any]) -> System:
    slice_network = keras.saving.load_model(bundle / "slice.keras", compile=False)
    patient_file = bundle / "patient.keras"
    patient = keras.saving.load_model(patient_file, compile=False) if config.trains_patients else None
    classes = slice_network.output["disease"].shape[-1]
    if classes != len(config.labels):
        raise InputError(
            f"{bundle}: damaged bundle: {len(config.labels)} labels in config.yaml for a network of {classes} classes; "
            "copy or train it again."
        )
    return System(config, slice_network, patient, facts)
