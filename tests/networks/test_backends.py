"""A network built, trained a step and saved under one Keras backend gives the same under the others."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.layers.shared_check import BACKENDS, read_elsewhere

_TRAIN = """
import pickle, sys
import keras
import numpy as np
from tfcovid.losses import DiceCrossEntropy, FocalTversky
from tfcovid.networks import AttentionUNetVariant, UNet3DVariant, aggregator, attention_unet, build, unet3d

keras.utils.set_random_seed(0)
generator = np.random.default_rng(0)
slices = generator.uniform(size=(4, 32, 32, 1)).astype("float32")
volumes = generator.uniform(size=(2, 8, 16, 16, 3)).astype("float32")
scans = {"features": generator.normal(size=(4, 5, 6)).astype("float32")}
scans["slice_mask"] = np.arange(5) < [[5], [1], [3], [4]]
classes = np.array([0, 1, 2, 1])
crossentropy = "sparse_categorical_crossentropy"
cases = {
    "resnet": (build("resnet10_compact", 3, (32, 32, 1)), slices, classes, crossentropy),
    "efficientnet": (build("efficientnet_b0_timm", 3, (32, 32, 1)), slices, classes, crossentropy),
    "attention_unet": (
        attention_unet(1, (32, 32, 1), AttentionUNetVariant((4, 8, 8))), slices, slices > 0.5, FocalTversky()
    ),
    "unet3d": (unet3d(2, (8, 16, 16, 3), UNet3DVariant((4, 8))), volumes, volumes[..., 0] > 0.5, DiceCrossEntropy()),
    "lstm": (aggregator(3, 6, "lstm", units=4), scans, classes, crossentropy),
    "transformer": (aggregator(3, 6, "transformer", width=8, heads=2), scans, classes, crossentropy),
}
for name, (network, inputs, targets, loss) in cases.items():
    before = [weight.copy() for weight in network.get_weights()]
    network.compile(keras.optimizers.Adam(1e-3), loss)
    assert np.isfinite(network.train_on_batch(inputs, np.asarray(targets, "int32")))
    assert any((one != other).any() for one, other in zip(before, network.get_weights()))
    folder = f"{sys.argv[1]}/{name}"
    network.compiled = False  # its optimizer's state is of this backend
    network.save(f"{folder}/model.keras")
    outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, network(inputs))
    for kind, array in (("inputs", inputs), ("expected", outputs)):
        with open(f"{folder}/{kind}.pickle", "wb") as file:
            pickle.dump(array, file)
"""
NAMES = ("resnet", "efficientnet", "attention_unet", "unet3d", "lstm", "transformer")


@pytest.mark.skipif(len(BACKENDS) == 1, reason="one backend installed: pip install 'tfcovid[jax,torch]'")
@pytest.mark.parametrize("trained", BACKENDS)
def test_a_step_under_one_is_the_same_under_all(trained, tmp_path):
    for name in NAMES:
        (tmp_path / name).mkdir()
    run = subprocess.run(
        [sys.executable, "-c", _TRAIN, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "KERAS_BACKEND": trained},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    for name in NAMES:
        expected = pickle.loads((tmp_path / name / "expected.pickle").read_bytes())
        for backend in BACKENDS:
            np.testing.assert_allclose(read_elsewhere(backend, tmp_path / name), expected, atol=1e-5)
