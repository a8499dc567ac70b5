import builtins

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from tests.serve.served_double import Served
from tests.serve.tiny_model import TinyModel
from tfcovid.errors import InputError
from tfcovid.export.write_warmup import write_warmup

HU = np.arange(18, dtype=np.int16).reshape(2, 3, 3)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warm") / "tiny" / "1"
    TinyModel().save(folder)
    return folder


def test_the_requests_can_be_read_and_answered(version):
    picture = tf.io.encode_png(np.zeros((3, 3, 1), np.uint8)).numpy()
    requests = [
        ("scan", {"hu": HU}),
        ("serving_default", {"hu": HU[:1]}),
        ("image_bytes", {"images": np.array([picture], object)}),
        ("clicked", {"hu": HU, "clicks": np.ones((1, 3), np.float32)}),
    ]
    path = write_warmup(version, "tiny", requests)
    assert path == version / "assets.extra" / "tf_serving_warmup_requests"
    logs = [PredictionLog.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]
    assert len(logs) == len(requests)
    served = Served("tiny", version)
    for log, (signature, inputs) in zip(logs, requests, strict=True):
        request = log.predict_log.request
        assert (request.model_spec.name, request.model_spec.signature_name) == ("tiny", signature)
        for key, array in inputs.items():
            np.testing.assert_array_equal(tf.make_ndarray(request.inputs[key]), array)
        assert set(served.predict(request).outputs) == set(served.signatures[signature].outputs)


@pytest.mark.parametrize(
    "requests, words",
    [
        ([], r"give 1 to 1000 requests\. Received: 0"),
        ([("scan", {"hu": HU})] * 1001, "Received: 1001"),
        ([("predict", {"hu": HU})], "the signatures clicked, cropped, .*Received: predict"),
        ([("scan", {"hu": HU.astype(np.int32)})], r"scan takes hu as int16 .*Received: int32 \(2, 3, 3\)"),
        ([("cropped", {"hu": HU})], r"cropped takes hu as int16 \(None, 16, 16\)\. Received: int16 \(2, 3, 3\)"),
        ([("clicked", {"hu": HU})], "clicked takes clicks as float32 .*Received: nothing"),
        ([("scan", {"hu": HU, "ct": HU})], r"scan takes hu\. Received: ct"),
    ],
)
def test_a_request_that_would_keep_the_server_from_loading(version, requests, words):
    (version / "assets.extra" / "tf_serving_warmup_requests").unlink(missing_ok=True)
    with pytest.raises(InputError, match=words):
        write_warmup(version, "tiny", requests)
    assert not (version / "assets.extra" / "tf_serving_warmup_requests").exists()


def test_a_missing_extra_names_what_brings_it(version, monkeypatch):
    found = builtins.__import__

    def without(name, *others):
        if name.startswith("tensorflow_serving"):
            raise ModuleNotFoundError(f"No module named '{name}'", name="tensorflow_serving")
        return found(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'tfcovid\[serving\]'"):
        write_warmup(version, "tiny", [("scan", {"hu": HU})])
