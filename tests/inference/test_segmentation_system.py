import json
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.inference import Clicks, SegmentationSystem, load_segmenter, lung_finder
from tfcovid.inference.segmentation_system import inference_graph
from tfcovid.scans import Scan, read_scan
from tfcovid.scans.finding import found as finding

_FRESH = """
import sys
from tfcovid.inference import load_segmenter
from tfcovid.scans import read_scan
found = load_segmenter(sys.argv[1]).segment(read_scan(sys.argv[2]))
print(found.masks.tobytes().hex())
"""


def test_a_segmenter_of_slices_gives_lungs_and_tells_their_sides(lung_outliner, chest):
    scan = chest()
    found = lung_outliner.segment(scan)
    np.testing.assert_array_equal(found.sides > 0, scan.hu == -800)
    # Columns run from the patient's right to the left; 1 is the left lung, 2 the right one.
    assert set(np.unique(found.sides[..., :32])) == {0, 2} and set(np.unique(found.sides[..., 32:])) == {0, 1}
    assert found.infection is None
    np.testing.assert_array_equal(found.masks, found.sides)


def test_a_slice_is_outlined_the_same_whatever_lies_beside_it(lung_outliner, chest):
    hu = chest().hu
    whole = lung_outliner.masks(hu, (1, 1, 1))
    for start, stop in ((3, 4), (0, 9)):
        np.testing.assert_array_equal(lung_outliner.masks(hu[start:stop], (1, 1, 1)), whole[start:stop])


def distance(scan, place):
    """mm from a voxel, everywhere."""
    places = np.indices(scan.shape).reshape(3, -1).T - place
    return np.linalg.norm(places * scan.spacing, axis=1).reshape(scan.shape)


def test_a_click_reaches_as_far_as_its_gaussian_across_all_windows(infection_outliner, chest):
    """The working grid is the scan's, whose windows overlap at the click."""
    scan = chest()
    assert not infection_outliner.segment(scan).infection.any()
    there, beside = (5, 30.5, 17), (5, 31, 25)
    found = infection_outliner.segment(scan, Clicks([there])).infection
    np.testing.assert_array_equal(found, distance(scan, there) < 1.2 * 12)
    cut = infection_outliner.segment(scan, Clicks([there], [beside])).infection
    gaussian = [np.exp(-((distance(scan, place) / 12) ** 2) / 2) for place in (there, beside)]
    np.testing.assert_array_equal(cut, gaussian[0] - gaussian[1] > np.exp(-(1.2**2) / 2))
    assert 0 < np.count_nonzero(cut) < np.count_nonzero(found)


def test_more_clicks_than_places_are_all_seen(infection_outliner, chest):
    scan = chest()
    places = [(k, 8 * n + 4, 32) for n, k in enumerate((2, 8) * 4)] + [(5, 32, 60)]
    found = infection_outliner.segment(scan, Clicks(places)).infection
    assert all(found[place] for place in places)


def test_clicks_are_in_voxels_of_the_scan_whatever_the_working_grid(infection_outliner, chest):
    scan = chest(spacing=(2.0, 1.1, 3.3))
    found = infection_outliner.segment(scan, Clicks([(4, 20, 40)])).infection
    centre = np.argwhere(found).mean(axis=0)
    # By one voxel of the working grid at most.
    assert (np.abs(centre - (4, 20, 40)) * scan.spacing <= (5, 2, 2)).all()
    assert found[distance(scan, (4, 20, 40)) < 1.2 * 12 - 6].all()
    assert not found[distance(scan, (4, 20, 40)) > 1.2 * 12 + 6].any()


def test_lungs_that_a_segmenter_does_not_outline_come_from_its_finder(infection_outliner, lung_outliner, chest):
    scan, both = chest(), SegmentationSystem(**{**kept(infection_outliner), "finder": lung_outliner})
    assert infection_outliner.segment(scan, Clicks([(5, 20, 17)])).sides is None
    found = both.segment(scan, Clicks([(5, 20, 17)]))
    np.testing.assert_array_equal(found.sides > 0, scan.hu == -800)
    right = next(row for row in found.table if row["region"] == "right lung")
    assert right["involved_percent"] > 1


def kept(system):
    return {"config": system.config, "network": system.network, "facts": system.facts}


@pytest.mark.parametrize(
    "place, told",
    [((10, 0, 0), r"slice 0 to 9, row 0 to 63.*Received: .* = 10, 0, 0"), ((5, -3, 0), "= 5, -3, 0")],
)
def test_clicks_outside_the_scan_are_told_its_range(infection_outliner, chest, place, told):
    with pytest.raises(InputError, match=told):
        infection_outliner.segment(chest(), Clicks(negative=[place]))


def test_a_segmenter_without_guidance_takes_no_clicks(lung_outliner, chest):
    with pytest.raises(InputError, match="tiny_lungs takes no clicks: it outlines lung"):
        lung_outliner.segment(chest(), Clicks([(5, 20, 17)]))
    assert lung_outliner.segment(chest(), Clicks()).sides.any()


def test_pixels_that_mean_nothing_are_told(lung_outliner):
    with pytest.raises(InputError, match="nothing but air, up to -1000 HU"):
        lung_outliner.segment(Scan.from_array(np.full((2, 64, 64), -1000, np.int16)))
    with pytest.raises(InputError, match="8-bit grey levels, not Hounsfield units, which tiny_lungs"):
        lung_outliner.segment(Scan.from_array(np.full((2, 64, 64), 90, np.uint8), units="8-bit"))


def test_the_hash_follows_weights_and_what_shapes_masks(lung_outliner, infection_outliner):
    def changed(system, **update):
        return SegmentationSystem(**{**kept(system), "config": system.config.model_copy(update=update)}).hash

    same = changed(lung_outliner, name="other", seed=7, notice=None)
    assert same == lung_outliner.hash
    assert changed(lung_outliner, window=lung_outliner.config.window.model_copy(update={"center": -500})) != same
    wide = infection_outliner.config.network.model_copy(update={"overlap": 0.5})
    assert changed(infection_outliner, network=wide) != infection_outliner.hash
    weights = lung_outliner.network.get_weights()
    try:
        lung_outliner.network.set_weights([weights[0], weights[1] + 1])
        assert changed(lung_outliner) != same
    finally:
        lung_outliner.network.set_weights(weights)


def test_the_graph_windows_hu_and_completes_a_single_probability(lung_outliner):
    graph = inference_graph(lung_outliner.config, lung_outliner.network)
    hu = np.zeros((1, 32, 32, 1), np.int16)
    hu[0, 0, :3, 0] = -2000, -598, 500
    shown = np.array([0, 752 / 1500, 1])
    found = graph.predict_on_batch(hu)[0, 0, :3]
    np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(400 * shown - 200)), atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-6)


def test_infection_far_from_the_lungs_is_left_out_and_counted(lung_outliner, chest):
    scan = chest()
    hu = scan.voxels.copy()
    hu[5, 20:24, 18:20] = 100  # in the right lung
    hu[5, 50:56, 30:33] = 100  # 20 mm and more behind it
    scan = replace(scan, voxels=hu)
    # Calls infected what is lighter than 70 HU.
    config = lung_outliner.config.model_copy(update={"labels": ("background", "infection"), "name": "light"})
    network = keras.models.clone_model(lung_outliner.network)
    network.layers[-1].set_weights([np.full((1, 1, 1, 1), 1500.0), np.array([-1500 * (70 + 1350) / 1500])])
    light = SegmentationSystem(config, network, {"name": "light"}, finder=lung_outliner)
    outlined = light.segment(scan)
    assert outlined.infection[5, 20:24, 18:20].any() and not outlined.infection[:, 40:].any()
    assert json.loads(json.dumps(outlined.summary))["left_out_voxels"] == outlined.left_out > 0
    alone = replace(light, finder=None).segment(scan)
    assert alone.infection[:, 40:].any() and alone.left_out == 0


@pytest.mark.parametrize("kind", ["lungs", pytest.param("infection", marks=pytest.mark.slow)])
def test_a_bundle_gives_the_same_masks_in_a_fresh_process(kind, request, held_out):
    bundle = request.getfixturevalue(f"{kind}_bundle")
    found = load_segmenter(bundle).segment(read_scan(held_out))
    done = subprocess.run([sys.executable, "-c", _FRESH, bundle, held_out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert bytes.fromhex(done.stdout.split()[-1]) == found.masks.tobytes() and found.masks.any()


def test_what_finds_lungs_must_outline_them(infection_bundle, lungs_bundle, bundle):
    from tfcovid.config import load_config

    def finder(path):
        return lung_finder(load_config("attn_crop", ["lungs=null", f"crop.segmenter={path}"]))

    assert finder(lungs_bundle).hash == load_segmenter(lungs_bundle).hash
    with pytest.raises(InputError, match=rf"crop\.segmenter: {infection_bundle} outlines infection, not lungs"):
        finder(infection_bundle)
    with pytest.raises(InputError, match=r"crop\.segmenter: not the bundle of a segmenter"):
        finder(bundle)
    with pytest.raises(InputError, match="is no segmenter, and the bundle of a system that goes on to none"):
        load_segmenter(bundle)
    assert lung_finder(load_config("demo")) is None


def test_a_segmenters_bundle_makes_no_diagnosis_and_says_so(lungs_bundle):
    from tfcovid.inference import load

    with pytest.raises(InputError, match=r"outlines lung and makes no diagnosis: tfcovid segment"):
        load(lungs_bundle)
    facts = json.loads((lungs_bundle / "bundle.json").read_text())
    assert facts["kind"] == "segmenter" and facts["labels"] == ["background", "lung"]


def test_a_segmenter_that_works_in_mm_refuses_a_scan_without_them(infection_outliner, lung_outliner, chest):
    scan = replace(chest(), findings=(finding("no-spacing", "Nobody says how large a pixel is."),))
    with pytest.raises(InputError, match="tiny_infection works in mm, and this scan does not say how large a voxel is"):
        infection_outliner.segment(scan)
    assert [row["volume_ml"] for row in lung_outliner.segment(scan).table] == [None] * 3


def test_what_was_not_outlined_has_no_volume_and_what_outlined_lungs_is_named(infection_outliner, lung_outliner, chest):
    alone = infection_outliner.segment(chest())
    assert [row["volume_ml"] for row in alone.table] == [None] * 3 and alone.summary["lungs_by"] is None
    together = replace(infection_outliner, finder=lung_outliner).segment(chest())
    assert together.summary["lungs_by"] == {"name": "tiny_lungs", "hash": lung_outliner.hash}
    assert together.table[0]["volume_ml"] > 0


def test_windows_at_a_time_change_nothing(infection_outliner, chest):
    clicks = Clicks(positive=[(4, 20, 16)])
    expected = infection_outliner.masks(chest().hu, (5.0, 2.0, 2.0), clicks)
    found = replace(infection_outliner, windows=3).masks(chest().hu, (5.0, 2.0, 2.0), clicks)
    np.testing.assert_array_equal(found, expected)
    assert expected.any()
