import keras
import numpy as np
import pytest
from scipy import ndimage

from tests.layers.shared_check import check
from tests.parity import report
from tfcovid.layers import ClickGuidance

NONE = (-1, -1, -1)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def formula(shape, clicks, spacing, sigma, normalise):
    """One map of one scan in float64, click by click."""
    places = np.stack(np.indices(shape), axis=-1)
    total = np.zeros(shape)
    for click in clicks:
        away = (places - np.asarray(click, "float64")) * spacing
        total += np.exp(-np.sum(away**2, axis=-1) / (2 * sigma**2))
    return (total - total.min()) / (total.max() - total.min()) if normalise else total


@pytest.fixture
def scans():
    """Two scans of different spacing; clicks between voxels, on corners, twice at one place, and absent ones."""
    volume = np.zeros((2, 5, 9, 7, 1), "int16")
    clicks = [
        [[(2, 4, 3), (0.25, 7.5, 6), NONE], [(4, 8, 6), NONE, NONE]],
        [[(1, 1, 1), (1, 1, 1), (4, 0, 6)], [NONE, (0, 0, 0), (3, 2, 5.75)]],
    ]
    return volume, np.float32(clicks), np.float32([[5, 0.8, 0.8], [1.25, 1, 1.5]])


@pytest.mark.parametrize("normalise", [False, True])
def test_equals_the_formula(normalise, scans):
    volume, clicks, spacing = scans
    maps = array(ClickGuidance(1.7, normalise)(*scans))
    assert maps.shape == (2, 5, 9, 7, 2)
    for scan in range(2):
        for sign in range(2):
            there = [click for click in clicks[scan, sign] if tuple(click) != NONE]
            expected = formula(volume.shape[1:4], there, spacing[scan], 1.7, normalise)
            np.testing.assert_allclose(maps[scan, ..., sign], expected, atol=2e-6)


@pytest.mark.parametrize("click", [(3, 10, 12), (0, 0, 19), (6, 0, 4)])
def test_equals_a_blurred_voxel_in_the_middle_and_on_the_border(click):
    """scipy's kernel sums to one where ours peaks at one; beyond 10 sigma it is cut off."""
    shape, spacing, sigma = (7, 21, 20), np.array([2.5, 0.7, 0.9]), 2.0
    voxel = np.zeros(shape)
    voxel[click] = 1
    blurred = ndimage.gaussian_filter(voxel, sigma / spacing, mode="constant", truncate=10)
    clicks = np.int32([[[click], [NONE]]])
    found = array(ClickGuidance(sigma, normalise=False)(np.zeros((1, *shape, 1)), clicks, spacing[None]))
    assert found[(0, *click, 0)] == 1
    np.testing.assert_allclose(found[0, ..., 0], blurred / blurred.max(), atol=1e-6)


def test_near_to_deepgrow_in_monai():
    """MONAI integrates the Gaussian over each voxel and cuts it off at 4 sigma, which makes it a little wider."""
    deepgrow = pytest.importorskip("monai.apps.deepgrow.transforms")
    shape, clicks = (12, 20, 18), np.int32([[[(5, 8, 9), (2, 15, 3)], [(11, 0, 17), NONE]]])
    guided = deepgrow.AddGuidanceSignald(sigma=2)({"image": np.zeros((1, *shape)), "guidance": clicks[0]})
    expected = np.moveaxis(np.asarray(guided["image"])[1:], 0, -1)
    found = array(ClickGuidance(2.0)(np.zeros((1, *shape, 1)), clicks, np.ones((1, 3))))[0]
    report("ClickGuidance, whose Gaussians MONAI cuts off", "MONAI DeepGrow", found, expected)
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize("normalise", [False, True])
def test_no_clicks_give_exactly_zero(normalise):
    clicks = np.float32([[[NONE, NONE], [NONE, NONE]], [[NONE, (1, 1, 1)], [NONE, NONE]]])
    maps = array(ClickGuidance(normalise=normalise)(np.zeros((2, 3, 4, 4, 1)), clicks, np.ones((2, 3))))
    np.testing.assert_array_equal(maps[0], 0)
    np.testing.assert_array_equal(maps[1, ..., 1], 0)
    assert maps[1, 1, 1, 1, 0] == 1


def test_ranges_with_ten_clicks_at_one_place():
    clicks = np.full((1, 2, 10, 3), 2)
    volume, spacing = np.zeros((1, 5, 5, 5, 1)), np.ones((1, 3))
    np.testing.assert_allclose(array(ClickGuidance(1.0, False)(volume, clicks, spacing)).max(), 10, rtol=1e-6)
    normalised = array(ClickGuidance(1.0)(volume, clicks, spacing))
    assert normalised.min() == 0 and normalised.max() == 1


def test_clicks_outside_move_to_the_border_and_absence_begins_at_minus_one():
    volume, spacing = np.zeros((1, 3, 4, 5, 1)), np.ones((1, 3))
    outside, border = ([[[click], [NONE]]] for click in ((-0.5, 9, 2), (0, 3, 2)))
    layer = ClickGuidance(1.0)
    np.testing.assert_array_equal(
        array(layer(volume, np.float32(outside), spacing)), array(layer(volume, np.float32(border), spacing))
    )
    assert not array(layer(volume, np.float32([[[(2, -1, 2)], [NONE]]]), spacing)).any()


def test_a_window_with_an_origin_is_that_part_of_the_whole(scans):
    """Clicks on every side of the window, also beyond its reach in voxels, and windows that begin before the volume."""
    volume, clicks, spacing = scans
    layer = ClickGuidance(1.7, normalise=False)
    whole = array(layer(volume, clicks, spacing))
    origin = np.int32([[1, 3, 2], [2, 0, 4]])
    window = array(layer(volume[:, :3, :4, :3], clicks, spacing, origin))
    for scan, (i, j, k) in enumerate(origin):
        np.testing.assert_allclose(window[scan], whole[scan, i : i + 3, j : j + 4, k : k + 3], atol=1e-6)
    padded = array(layer(np.zeros((2, 9, 13, 11, 1)), clicks, spacing, np.float32([[-2, -2, -2]] * 2)))
    np.testing.assert_allclose(padded[:, 2:-2, 2:-2, 2:-2], whole, atol=1e-6)
    np.testing.assert_array_equal(array(layer(volume, np.full_like(clicks, -1), spacing, origin)), 0)


def test_a_window_is_not_stretched_to_a_range_of_its_own(scans):
    with pytest.raises(ValueError, match=r"normalise=False\. Received: normalise=True"):
        ClickGuidance()(*scans, np.zeros((2, 3)))


def test_an_image_has_rows_and_columns_only(scans):
    volume, clicks, spacing = scans
    maps = array(ClickGuidance(1.7, False)(volume[:, 0], clicks[..., 1:], spacing[:, 1:]))
    assert maps.shape == (2, 9, 7, 2)
    np.testing.assert_allclose(
        maps[0, ..., 0], formula((9, 7), clicks[0, 0, :2, 1:], spacing[0, 1:], 1.7, False), atol=2e-6
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_half_precision_rounds_the_maps_and_not_the_coordinates(policy, dtype):
    """bfloat16 knows 508 and 510, not 509."""
    clicks = np.array([[[(1, 509)], [(0, 2)]]], dtype)
    inputs = (np.zeros((1, 2, 512, 1), "float32"), clicks, np.float32([[0.7, 0.7]]))
    halved, exact = ClickGuidance(dtype=policy)(*inputs), ClickGuidance()(*inputs)
    assert keras.backend.standardize_dtype(halved.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_array_equal(array(halved), array(keras.ops.cast(exact, halved.dtype)))
    assert array(exact)[0, 1, 509, 0] == 1


def test_a_sigma_that_is_none():
    with pytest.raises(ValueError, match="Received: sigma=0"):
        ClickGuidance(0)


@pytest.mark.parametrize(
    ("clicks", "spacing", "origin"),
    [
        ((1, 2, 4, 2), (1, 3), (1, 3)),
        ((1, 3, 4, 3), (1, 3), (1, 3)),
        ((1, 2, 4, 3), (1, 2), (1, 3)),
        ((1, 2, 4, 3), (1, 3), (1, 2)),
    ],
)
def test_shapes_that_do_not_fit_together(clicks, spacing, origin):
    with pytest.raises(ValueError, match=r"Received: volume_shape=\(1, 3, 4, 5, 1\), clicks_shape="):
        ClickGuidance(1.0, False)(np.zeros((1, 3, 4, 5, 1)), *map(np.zeros, (clicks, spacing, origin)))


def test_shared_check_on_sides_and_clicks_unknown_before_the_call(tmp_path, scans):
    def make():
        inputs = {
            "volume": keras.Input((None, None, None, 1), dtype="int16", name="volume"),
            "clicks": keras.Input((2, None, 3), name="clicks"),
            "spacing": keras.Input((3,), name="spacing"),
        }
        return keras.Model(inputs, ClickGuidance()(*inputs.values()))

    check(make, dict(zip(("volume", "clicks", "spacing"), scans, strict=True)), tmp_path)


def test_shared_check_with_an_origin(tmp_path, scans):
    def make():
        inputs = {
            "volume": keras.Input((None, None, None, 1), dtype="int16", name="volume"),
            "clicks": keras.Input((2, None, 3), name="clicks"),
            "spacing": keras.Input((3,), name="spacing"),
            "origin": keras.Input((3,), dtype="int32", name="origin"),
        }
        return keras.Model(inputs, ClickGuidance(normalise=False)(*inputs.values()))

    inputs = (*scans, np.int32([[1, 3, 2], [2, 0, 4]]))
    check(make, dict(zip(("volume", "clicks", "spacing", "origin"), inputs, strict=True)), tmp_path)
