import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.serve import ServedModel
from tfcovid.serve.refusals import Busy

HU = np.array([[[1, -1], [1, 1]], [[-5, -6], [-7, 8]]], np.int16)


def test_both_ways_answer_every_signature(url):
    model = ServedModel(url, "tiny")
    names = {"scan", "serving_default", "cropped", "image_bytes", "embed", "mask", "clicked"}
    assert model.version == 1 and set(model.signatures) == names
    found = model.ask("serving_default", {"hu": HU})
    np.testing.assert_array_equal(found["slice_probabilities"], [[0.25, 0.75], [0.75, 0.25]])
    np.testing.assert_array_equal(found["without_lung"], [True, False])
    assert found["lesion_map"].shape == (2, 4, 4) and found["lesion_map"].dtype == np.float32
    assert found["boxes"].dtype == np.int32 and found["without_lung"].dtype == bool
    scan = model.ask("scan", {"hu": HU})
    assert scan["label"].shape == () and scan["label"] == 0 and scan["index"].tolist() == [1]
    # A lone output comes without its name in JSON.
    np.testing.assert_array_equal(model.ask("mask", {"hu": HU})["mask"], HU > 0)
    clicks = np.array([[1.5, 2, 3]], np.float32)
    assert model.ask("clicked", {"hu": HU, "clicks": clicks})["sum"] == HU.sum() + 6.5


def test_what_is_not_there_is_told_with_what_is(url, served):
    with pytest.raises(InputError, match=r"--model: .*models\.config .*Received: (HTTP 404|NOT_FOUND).* model other"):
        ServedModel(url, "other")
    served.states = {1: ("END", "no such file"), 2: ("AVAILABLE", "")}
    assert ServedModel(url, "tiny").version == 2
    with pytest.raises(InputError, match=r"--version: tiny has 1 END, 2 AVAILABLE; no such file\. Received: 3"):
        ServedModel(url, "tiny", version=3)
    with pytest.raises(InputError, match=r"not ready; .* Received: 1 END, 2 AVAILABLE"):
        ServedModel(url, "tiny", version=1)
    with pytest.raises(InputError, match=r"--signature: tiny has clicked, cropped, .*Received: scans"):
        ServedModel(url, "tiny").ask("scans", {"hu": HU})
    assert served.asked == 0


@pytest.mark.parametrize(
    "signature, inputs, words",
    [
        ("scan", {"hu": HU.astype(np.int32)}, r"scan takes int16 \(any, any, any\)\. Received: int32 \(2, 2, 2\)"),
        ("scan", {"hu": HU[0]}, r"Received: int16 \(2, 2\)"),
        ("cropped", {"hu": HU}, r"cropped takes int16 \(any, 16, 16\)\. Received: int16 \(2, 2, 2\)"),
        ("scan", {"images": HU}, r"scan takes hu int16 \(any, any, any\)\. Received: images"),
        ("clicked", {"hu": HU}, "clicked takes clicks float .*, hu int16 .* Received: hu"),
    ],
)
def test_inputs_that_a_signature_does_not_take_are_not_sent(url, served, signature, inputs, words):
    with pytest.raises(InputError, match=words):
        ServedModel(url, "tiny").ask(signature, inputs)
    assert served.asked == 0


def test_what_the_server_finds_wrong_is_told(url, served):
    with pytest.raises(InputError, match=r"(?s)refuses\. Received: .*hu: no CT"):
        ServedModel(url, "tiny").ask("scan", {"hu": HU + np.int16(30000)})
    assert served.asked == 1


def test_a_busy_server_is_asked_until_it_answers(url, served, without_waiting):
    model = ServedModel(url, "tiny", retries=2)
    served.busy = 2
    assert model.ask("mask", {"hu": HU})["mask"].shape == HU.shape
    assert served.asked == 3 and without_waiting == [1.0, 2.0]
    served.busy = 3
    with pytest.raises(Busy, match=r"^asked 3 times: .*queue .* is full"):
        model.ask("mask", {"hu": HU})


def test_a_model_that_is_still_loading_is_waited_for(url, served, monkeypatch):
    served.states = {1: ("LOADING", "")}
    with pytest.raises(Busy, match=r"asked 3 times: tiny is not ready; .*Received: 1 LOADING"):
        ServedModel(url, "tiny", retries=2)
    monkeypatch.setattr("tfcovid.serve.patiently.sleep", lambda _: served.states.update({1: ("AVAILABLE", "")}))
    assert ServedModel(url, "tiny", retries=1).version == 1


def test_a_slow_server_is_given_up_and_not_asked_again(url, served):
    model = ServedModel(url, "tiny", timeout=0.5)
    served.delay = 1.5
    with pytest.raises(InputError, match=r"0\.5 s; --timeout waits longer"):
        model.ask("mask", {"hu": HU})
    assert served.asked == 1


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_where_nobody_listens(scheme, without_waiting):
    with pytest.raises(Busy, match="asked 3 times: nobody listens"):
        ServedModel(f"{scheme}://127.0.0.1:9", "tiny", timeout=5, retries=2)
    assert without_waiting == [1.0, 2.0]


@pytest.mark.parametrize(
    "change, words",
    [
        (
            lambda found: {k: found[k] for k in ("label", "index")},
            "the answer of scan lacks boxes, by_window, lesion_map",
        ),
        (lambda found: found | {"label": found["index"]}, r"output label: is to be int32 \(\)\. Received: \(1,\)"),
        (lambda found: found | {"label": found["probabilities"][0]}, r"output label: is to be int32 .*Received: float"),
    ],
)
def test_damaged_answers(url, served, change, words):
    served.damage = change
    with pytest.raises(InputError, match=words):
        ServedModel(url, "tiny").ask("scan", {"hu": HU})
