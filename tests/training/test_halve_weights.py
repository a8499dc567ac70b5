import json
import shutil

import keras
import numpy as np

from tfcovid.inference import load_segmenter
from tfcovid.networks import weights_hash
from tfcovid.training.halve_weights import halve_weights


def test_a_halved_bundle_takes_half_the_space_and_says_nearly_the_same(infection_bundle, tmp_path):
    shutil.copytree(infection_bundle, tmp_path / "bundle")
    halve_weights(tmp_path / "bundle")
    before, after = (folder / "segment.keras" for folder in (infection_bundle, tmp_path / "bundle"))
    assert after.stat().st_size < 0.65 * before.stat().st_size
    whole, half = (load_segmenter(folder).network for folder in (infection_bundle, tmp_path / "bundle"))
    for ours, theirs in zip(half.weights, whole.weights, strict=True):
        expected = np.asarray(theirs)
        if expected.ndim > 1:
            expected = expected.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(np.asarray(ours), expected)
    facts = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert facts["weights_sha256"] == {"segment": weights_hash(keras.saving.load_model(after, compile=False))}
