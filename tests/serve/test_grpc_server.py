"""What is of gRPC alone; with REST, the rest is in `test_served_model`."""

import builtins

import numpy as np
import pytest

from tests.serve.grpc_double import grpc_double
from tests.serve.rest_double import rest_double
from tfcovid.errors import InputError
from tfcovid.serve import ServedModel


def test_messages_beyond_grpcs_4_mb_go_both_ways(served):
    hu = np.arange(9 * 512 * 512, dtype=np.int32).astype(np.int16).reshape(9, 512, 512)
    with grpc_double(served) as url:
        np.testing.assert_array_equal(ServedModel(url, "tiny").ask("mask", {"hu": hu})["mask"], hu > 0)


def test_a_server_that_takes_no_more_is_not_asked_again(served, without_waiting):
    with grpc_double(served, most=1000) as url:
        model = ServedModel(url, "tiny")
        with pytest.raises(InputError, match=r"RESOURCE_EXHAUSTED, .*larger than max"):
            model.ask("mask", {"hu": np.ones((1, 64, 64), np.int16)})
    assert served.asked == 0 and without_waiting == []


def test_rests_port_is_told_from_grpcs(served, without_waiting):
    with rest_double(served) as url, pytest.raises(InputError, match="speaks HTTP, not gRPC"):
        ServedModel(url.replace("http", "grpc"), "tiny", timeout=10)
    assert without_waiting == []


def test_a_damaged_tensor(served):
    predict = served.predict

    def cut(request):
        response = predict(request)
        response.outputs["mask"].ClearField("int_val")
        response.outputs["mask"].tensor_content = b"123"
        return response

    served.predict = cut
    with grpc_double(served) as url, pytest.raises(InputError, match="output mask: is no tensor"):
        ServedModel(url, "tiny").ask("mask", {"hu": np.ones((1, 2, 2), np.int16)})


def test_a_missing_extra_names_what_brings_it(monkeypatch):
    found = builtins.__import__

    def without(name, *others):
        if name == "grpc":
            raise ModuleNotFoundError("No module named 'grpc'", name="grpc")
        return found(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'tfcovid\[serving\]'.* Received: no grpc"):
        ServedModel("grpc://localhost", "tiny")
