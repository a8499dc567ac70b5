"""What is written is compared with what a system writes itself in `test_ask_scan`."""

import json

import nibabel
import numpy as np
import pytest
import tensorflow as tf

from tests.serve.grpc_double import grpc_double
from tests.serve.served_double import Served
from tests.serve.tiny_model import TinyModel
from tfcovid.errors import InputError
from tfcovid.preprocess import lung_region
from tfcovid.scans import Scan
from tfcovid.serve import ServedModel, ask_scan


def test_a_scan_by_hand(asked, chest):
    answer = asked()
    sick = (chest.hu[1:] > 0).mean((1, 2))
    assert answer.label == "class 0" and answer.probabilities["class 1"] == pytest.approx(sick.mean())
    assert answer.index.tolist() == [1, 2, 3, 4]
    row = answer.slice_table[0]
    assert row["slice"] == 1 and row["z_mm"] == 3.0 and row["p_class 1"] == round(sick[0], 4)
    assert [row[side] for side in ("top", "left", "bottom", "right")] == [0, 0, 10, 24]
    # The map is the share of its slice, within the box (the upper half) and the body; slice 0 was not read.
    expected = np.zeros(chest.shape)
    expected[1:, 2:10, 2:22] = np.rint(100 * sick)[:, None, None]
    np.testing.assert_array_equal(answer.lesion_map, expected)
    found = answer.summary
    assert found["asked"] == {"model": "tiny", "version": 1, "signature": "scan"} and found["scan"]["key"] == chest.key
    over_half = int((sick > 0.5).sum())
    assert found["slices"] == {"read": 4, "without_lung": over_half, "with_lesion": over_half}
    assert json.loads(json.dumps(found)) == found


def test_the_map_ends_near_the_lungs_that_the_model_outlines(chest, tmp_path):
    """The map is one value in each slice, so that what is left of it is where it may show, box or not."""
    model = TinyModel()
    model.functions["lungs"] = tf.function(
        lambda hu: {"mask": tf.cast((hu > -900) & (hu < -500), tf.uint8)}, [tf.TensorSpec([None] * 3, tf.int16, "hu")]
    )
    model.save(tmp_path / "1")
    with grpc_double(Served("tiny", tmp_path / "1")) as url:
        answer = ask_scan(ServedModel(url, "tiny"), chest)
    lungs = (chest.hu > -900) & (chest.hu < -500)
    np.testing.assert_array_equal(answer.lungs, lungs)
    region, sick = lung_region(lungs, (0.7, 0.8)), (chest.hu > 0).mean((1, 2))
    # The map is carried on by one of its pixels, which are 2.5 rows of the scan.
    within = answer.lesion_map[1:, :12]
    np.testing.assert_allclose(within, 100 * sick[1:, None, None] * region[1:, :12] / 255, atol=0.51)
    assert (answer.lesion_map[1:][region[1:] == 0] == 0).all() and (region[1:] == 0).any()


def test_slices_features_and_masks(asked, chest, tmp_path):
    slices = asked(chest, "serving_default", ("healthy", "sick"))
    assert slices.label is None and slices.probabilities == {} and len(slices.slice_table) == 5
    assert "diagnosis" not in slices.summary and set(slices.slice_table[0]) >= {"p_healthy", "p_sick"}
    asked(chest, "embed").save(tmp_path / "embed")
    assert np.load(tmp_path / "embed" / "features.npy").shape == (5, 1, 24)
    outlined = asked(chest, "mask", ("background", "lung"))
    assert outlined.summary["mask"] == {0: "background", 1: "lung"}
    outlined.save(tmp_path / "mask")
    mask = np.asarray(nibabel.load(tmp_path / "mask" / "mask.nii.gz").dataobj)
    np.testing.assert_array_equal(mask.transpose(2, 1, 0), chest.restore(chest.hu > 0))
    assert {path.name for path in (tmp_path / "mask").iterdir()} == {"mask.nii.gz", "answer.json"}
    cropped = Scan.from_array(chest.hu[:, :16, :16].copy(), chest.spacing)
    found = asked(cropped, "cropped")
    assert "boxes" not in found.outputs and "top" not in found.slice_table[0]
    assert found.lesion_map.shape == (5, 16, 16) and found.lesion_map.max() > 0


def test_what_is_there_is_not_written_over(asked, tmp_path):
    answer = asked()
    answer.save(tmp_path / "out")
    with pytest.raises(InputError, match="overwrite it on purpose"):
        answer.save(tmp_path / "out")
    answer.save(tmp_path / "out", overwrite=True)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"other things .*notes\.txt"):
        answer.save(tmp_path / "out", overwrite=True)
