"""What is of REST alone; with gRPC, the rest is in `test_served_model`. And that the double keeps to the contract."""

import json
import socket
import subprocess
import sys
from base64 import b64encode
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest

from tests.serve.grpc_double import grpc_double
from tests.serve.rest_double import rest_double
from tfcovid.errors import InputError
from tfcovid.serve import ServedModel

HU = np.array([[[1, -1], [1, 1]], [[-5, -6], [-7, 8]]], np.int16)


@pytest.fixture
def rest(served):
    with rest_double(served) as url:
        yield url


def post(url, body):
    """Status and JSON of a request to predict."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urlopen(Request(f"{url}/v1/models/tiny:predict", content)) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def test_the_double_answers_rows_with_rows_and_columns_with_columns(rest):
    rows = post(rest, {"instances": HU.tolist()})
    assert rows[0] == 200 and rows[1]["predictions"][1]["slice_probabilities"] == [0.75, 0.25]
    columns = post(rest, {"signature_name": "scan", "inputs": {"hu": HU.tolist()}})
    assert columns[0] == 200 and columns[1]["outputs"]["label"] == 0
    assert post(rest, {"signature_name": "mask", "inputs": HU.tolist()})[1]["outputs"] == (HU > 0).astype(int).tolist()
    assert post(rest, {"signature_name": "mask", "instances": HU.tolist()})[1]["predictions"][0] == [[1, 0], [1, 1]]
    # The answer for a scan has no rows: that is why the client sends columns.
    assert post(rest, {"signature_name": "scan", "instances": HU.tolist()})[0] == 400


@pytest.mark.parametrize(
    "body, words",
    [
        ({"instances": [[[1]]], "inputs": [[[1]]]}, "only one of 'inputs' or 'instances'"),
        ({}, "only one of 'inputs' or 'instances'"),
        (b"{", "JSON Parse error"),
        ({"signature_name": 3, "inputs": [[[1]]]}, "must be a string"),
        ({"signature_name": "none", "inputs": [[[1]]]}, "not found in signature def"),
        ({"inputs": {"ct": [[[1]]]}}, "Missing named input: hu"),
        ({"inputs": [[[1.5]]]}, "not of expected type: int16"),
        ({"inputs": [[[1], [1, 2]]]}, "unexpected size"),
        ({"signature_name": "image_bytes", "inputs": [{"b64": "?"}]}, "base64"),
    ],
)
def test_the_double_refuses_what_the_contract_does(rest, body, words):
    status, found = post(rest, body)
    assert status == 400 and words in found["error"]


def test_pictures_go_as_b64_in_rows_and_columns(rest):
    picture = cv2.imencode(".png", np.full((3, 4), 200, np.uint8))[1].tobytes()
    one = {"b64": b64encode(picture).decode()}
    for body in ({"instances": [one]}, {"inputs": [one]}, {"inputs": {"images": [one]}}):
        status, found = post(rest, {"signature_name": "image_bytes", **body})
        assert (status == 200 and "predictions" in found) or found["outputs"]["slice_probabilities"] == [[0, 1]]
    found = ServedModel(rest, "tiny").ask("image_bytes", {"images": np.array([picture], object)})
    assert found["slice_probabilities"].tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"<html>It works!</html>", "does not answer with JSON as TF Serving does: .*It works!"),
        (b"[1, 2]", "does not answer with JSON"),
        (b'{"model_version_status": 3}', "status of tiny is not TF Serving's"),
        (b'{"model_version_status": [{"version": "one"}]}', "status of tiny is not TF Serving's"),
        (b'{"model_version_status": []}', "Received: no versions"),
    ],
)
def test_something_else_than_tf_serving(served, content, words):
    with rest_double(served, content) as url, pytest.raises(InputError, match=words):
        ServedModel(url, "tiny")


@pytest.mark.parametrize(
    "content, words",
    [
        (b'{"predictions": []}', "lacks outputs"),
        (b'{"outputs": 3}', "have no names"),
        (b'{"outputs": {"label": [1, [2]]}}', "output label: its lists are of different lengths"),
        (b'{"outputs": {"label": 1.5}}', r"output label: is to be int32 \(\)\. Received: float64"),
        (b'{"outputs": {"probabilities": ["a"]}}', r"output probabilities: is to be float \(2\)"),
        (b'{"outputs": {"probabilities": [null]}}', r"output probabilities: is to be float \(2\)"),
        (b'{"outputs": {"label": 1', "does not answer with JSON"),
    ],
)
def test_damaged_answers(served, content, words):
    with rest_double(served) as url:
        model = ServedModel(url, "tiny")
    with rest_double(served, content) as url:
        model.server.address = ServedAt(url).address
        with pytest.raises(InputError, match=words):
            model.ask("scan", {"hu": HU})


class ServedAt:
    def __init__(self, url):
        from tfcovid.serve import Address

        self.address = Address.parse(url)


def test_numbers_that_json_has_no_word_for_arrive(rest, served):
    served.damage = lambda found: found | {"lesion_map": found["lesion_map"] * np.nan}
    assert np.isnan(ServedModel(rest, "tiny").ask("serving_default", {"hu": HU})["lesion_map"]).all()


def test_a_server_that_hangs_up():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=lambda: listening.accept()[0].close())
        thread.start()
        with pytest.raises(InputError, match="hung up"):
            ServedModel(f"http://127.0.0.1:{listening.getsockname()[1]}", "tiny", timeout=10)
        thread.join()


def test_the_grpc_port_is_told_from_rests(served):
    with grpc_double(served) as url, pytest.raises(InputError, match=r"gRPC port|hung up"):
        ServedModel(url.replace("grpc", "http"), "tiny", timeout=10)


def test_no_tensorflow_is_loaded(rest):
    code = (
        "import sys, numpy as np; from tfcovid.serve import ServedModel\n"
        "ServedModel(sys.argv[1], 'tiny').ask('mask', {'hu': np.ones((1, 2, 2), np.int16)})\n"
        "assert not {'tensorflow', 'keras', 'grpc'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, rest], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
