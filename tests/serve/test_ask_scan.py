import csv

import cv2
import nibabel
import numpy as np
import pytest
import tensorflow as tf

from tests.serve.grpc_double import grpc_double
from tests.serve.rest_double import rest_double
from tests.serve.served_double import Served
from tfcovid.errors import InputError
from tfcovid.export import ServingModel
from tfcovid.scans import read_scan
from tfcovid.serve import ServedModel, ask_scan


@pytest.fixture(scope="module")
def real_served(system, tmp_path_factory):
    """A trained system, exported and served."""
    folder = tmp_path_factory.mktemp("real") / "1"
    ServingModel(system).save(folder)
    return Served("tiny_system", folder)


@pytest.mark.parametrize("double", [rest_double, grpc_double])
def test_a_served_system_says_and_writes_what_it_does_here(system, real_served, held_out, tmp_path, double):
    scan = read_scan(held_out)
    expected = system.diagnose(scan)
    with double(real_served) as url:
        answer = ask_scan(ServedModel(url, "tiny_system"), scan, labels=expected.labels)
    assert answer.label == expected.label and list(answer.probabilities) == list(expected.labels)
    np.testing.assert_allclose(list(answer.probabilities.values()), list(expected.probabilities.values()), atol=1e-5)
    differs = answer.lesion_map.astype(int) - np.rint(expected.lesion_map * 100)
    assert answer.lesion_map.max() > 0 and np.abs(differs).max() <= 1 and (differs != 0).mean() < 0.001

    answer.save(tmp_path / "here")
    expected.save(tmp_path / "there")
    maps = [nibabel.load(tmp_path / place / "lesion_map.nii.gz") for place in ("here", "there")]
    np.testing.assert_array_equal(maps[0].affine, maps[1].affine)
    assert maps[0].shape == maps[1].shape and maps[0].get_data_dtype() == np.uint8
    np.testing.assert_allclose(maps[0].dataobj, maps[1].dataobj, atol=1)
    here, there = (
        list(csv.DictReader((tmp_path / place / "slices.csv").open(encoding="utf-8"))) for place in ("here", "there")
    )
    assert list(here[0]) == [name for name in there[0] if name != "label"]
    for ours, theirs in zip(here, there, strict=True):
        for name, value in ours.items():
            close = name == "lesion" or name.startswith("p_")
            assert abs(float(value) - float(theirs[name])) < 2e-4 if close else value == theirs[name]


def test_slices_of_one_scan_joined_with_those_of_another_answer_alike(system, real_served, held_out):
    """What a server that joins requests does to "serving_default"; of "scan" it could not take the answer apart."""
    hu = read_scan(held_out).hu
    one, other = hu[1:3], hu[4:7]
    run = real_served.functions["serving_default"]
    joined = run(hu=tf.constant(np.concatenate([one, other])))
    for part, where in ((one, slice(0, 2)), (other, slice(2, 5))):
        for name, value in run(hu=tf.constant(part)).items():
            np.testing.assert_allclose(value, joined[name][where], atol=1e-5)
    assert real_served.signatures["scan"].outputs["label"].tensor_shape.dim == []


def test_pictures_go_as_they_are(asked, served, tmp_path):
    for n, name in enumerate(("a10.png", "a9.jpg")):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8), 250 - 200 * n, np.uint8))
    scan = read_scan(tmp_path, allow=["too-few-slices"])
    predict, sent = served.predict, []
    served.predict = lambda request: sent.append(list(request.inputs["images"].string_val)) or predict(request)
    answer = asked(scan)
    assert sent == [[(tmp_path / name).read_bytes() for name in ("a9.jpg", "a10.png")]]
    assert [row["p_class 1"] for row in answer.slice_table] == [0.0, 1.0]
    assert answer.lesion_map[1].max() == 100
    with pytest.raises(InputError, match="8-bit grey levels"):
        asked(scan, "scan")


def test_of_a_segmenter_the_one_signature_is_asked(url, chest):
    model = ServedModel(url, "tiny")
    model.signatures = {"serving_default": model.signatures["serving_default"]}
    assert ask_scan(model, chest).asked["signature"] == "serving_default"


def test_what_is_no_picture(asked, chest, tmp_path):
    cv2.imwrite(str(tmp_path / "slice.tif"), np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError, match=r"a PNG or JPEG a slice\. Received: \.tif files"):
        asked(read_scan(tmp_path / "slice.tif", allow=["too-few-slices"]))
    with pytest.raises(InputError, match=r"Received: HU, 0 files of 5 slices"):
        asked(chest, "image_bytes")


def test_a_signature_that_wants_more_than_a_scan(asked, chest):
    with pytest.raises(InputError, match=r"from Python, see .*Received: clicks float \(any, 3\), hu int16"):
        asked(chest, "clicked")


def test_a_damaged_answer_is_refused_before_anything_is_written(asked, served):
    served.damage = lambda found: found | {"index": found["index"] + 1}
    with pytest.raises(InputError, match="output index: is to rise within 5 slices"):
        asked()
