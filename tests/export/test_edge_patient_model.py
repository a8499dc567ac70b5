from pathlib import Path

import keras
import numpy as np
import pytest

from tfcovid.export.edge_patient_difference import edge_patient_difference
from tfcovid.export.edge_patient_model import edge_patient_model
from tfcovid.export.edge_process import EdgeProcess
from tfcovid.export.onnx_write_model import onnx_write_model
from tfcovid.export.tflite_convert import tflite_convert
from tfcovid.inference.runtime.save_frozen import save_frozen
from tfcovid.networks import aggregator

FEATURES = 12
MIX = {"count": 34, "filters": 36, "backbone": "resnet10_compact"}


@pytest.mark.parametrize(
    "kind, options",
    [
        ("transformer", {"width": 8, "heads": 2}),
        ("lstm", {"units": 4}),
        pytest.param("conv1d", {"width": 8}, marks=pytest.mark.slow),
        pytest.param("max_features", {}, marks=pytest.mark.slow),
        pytest.param("multi_scale", {"heads": 2, "head_size": 4}, marks=pytest.mark.slow),
        pytest.param("multi_scale", {"heads": 2, "head_size": 4, "affinity": "channel"}, marks=pytest.mark.slow),
        pytest.param("eff_mix_conv_e", MIX, marks=pytest.mark.slow),
        pytest.param("eff_mix_conv_s", MIX, marks=pytest.mark.slow),
    ],
)
def test_scans_of_any_length_without_tensorflow(kind, options, tmp_path):
    keras.utils.set_random_seed(0)
    network = aggregator(3, FEATURES, kind, **options)
    save_frozen(edge_patient_model(network, batch=1), tmp_path / "saved")
    (tmp_path / "patient.tflite").write_bytes(tflite_convert(Path(tmp_path / "saved"), "float32"))
    onnx_write_model(edge_patient_model(network), tmp_path / "patient.onnx")
    features = np.random.default_rng(1).normal(size=(2, 37, FEATURES)).astype("float32")
    for name in ("patient.tflite", "patient.onnx"):
        with EdgeProcess(tmp_path / name, 1) as run:
            assert edge_patient_difference(network, run, features) < 1e-5
