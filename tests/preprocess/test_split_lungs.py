import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import largest_components, split_lungs
from tfcovid.scans import read_scan

LEFT, RIGHT = 1, 2
MM = (2.0, 1.5, 1.5)


def _balls(centres, radii, shape=(40, 60, 100)):
    """Distance to the centre over the radius for each ball, the radius in columns."""
    z, y, x = np.ogrid[tuple(slice(n) for n in shape)]
    return [
        np.sqrt(((z - c[0]) * 1.3) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2) / r
        for c, r in zip(centres, radii, strict=True)
    ]


@pytest.fixture(scope="module")
def touching():
    """Two balls that overlap in a lens; the true cut is the plane of its rim, column 49.5."""
    right, left = _balls([(20, 30, 29.5), (20, 30, 69.5)], [23, 23])
    mask = (right < 1) | (left < 1)
    return mask, np.where(mask, np.where(np.arange(100) < 49.5, RIGHT, LEFT), 0)


def test_lungs_that_are_apart_keep_every_voxel_of_their_side():
    phantom = make_phantom("covid", seed=2, shape=(24, 96, 96))
    np.testing.assert_array_equal(split_lungs(phantom.lungs > 0, phantom.spacing), phantom.lungs)


def test_lungs_that_touch_are_cut_at_the_waist(touching):
    mask, truth = touching
    sides = split_lungs(mask, MM)
    assert (sides != truth).sum() < 0.001 * mask.sum()
    np.testing.assert_array_equal(sides > 0, mask)


@pytest.mark.parametrize("mm", [(0.5, 0.4, 0.4), (6.0, 0.8, 0.8), (5.0, 3.5, 3.5)])
def test_the_cut_does_not_depend_on_what_a_voxel_measures(touching, mm):
    mask, truth = touching
    assert (split_lungs(mask, mm) != truth).sum() < 0.01 * mask.sum()


def test_lungs_joined_by_a_bridge_off_the_middle_are_cut_in_the_bridge():
    right, left = _balls([(20, 30, 30), (20, 30, 76)], [26, 14])
    mask = (right < 1) | (left < 1)
    mask[18:22, 28:32, 50:70] = True
    sides = split_lungs(mask, MM)
    assert (sides[right < 1] == RIGHT).all() and (sides[left < 1] == LEFT).all()


def test_pieces_go_whole_to_the_lung_beside_them(touching):
    mask, truth = touching
    for piece, side in ((np.s_[38:40, 2:8, 10:44], RIGHT), (np.s_[0:2, 2:8, 60:90], LEFT)):
        mask, truth = mask.copy(), truth.copy()
        assert not mask[piece].any()
        mask[piece], truth[piece] = True, side
    sides = split_lungs(mask, MM)
    assert (sides != truth).sum() < 0.001 * mask.sum()
    assert (sides[38:40, 2:8, 10:44] == RIGHT).all() and (sides[0:2, 2:8, 60:90] == LEFT).all()


def test_a_piece_behind_touching_lungs_is_not_taken_for_the_other_lung(touching):
    # Both lungs are off the middle, on the other side than the piece.
    mask, truth = (np.roll(one, 3, axis=2) for one in touching)
    assert not mask[:, 54:].any()
    mask[:, 55:, 5:45] = True  # 10 % of the lungs
    assert (split_lungs(mask, MM) != truth)[:, :54].sum() < 0.001 * mask.sum()


@pytest.mark.parametrize("column, side", [(29, RIGHT), (69, LEFT)])
def test_a_single_lung_is_named_after_its_half_of_the_image(column, side):
    (distance,) = _balls([(20, 30, column)], [20])
    assert set(np.unique(split_lungs(distance < 1, MM))) == {0, side}


def test_one_lung_in_the_middle_of_its_own_crop_or_wide_beside_it_is_not_cut():
    deep, wide = np.zeros((2, 1, 60, 60), bool)
    deep[:, 5:55, 15:50] = True
    wide[:, 40:50, 4:34] = True  # a lung base: 13 % of it are beyond the middle
    assert set(np.unique(split_lungs(deep, (1, 1, 1)))) == {0, LEFT}
    assert set(np.unique(split_lungs(wide, (1, 1, 1)))) == {0, RIGHT}


def test_a_block_without_a_waist_is_cut_where_it_is_thinnest():
    mask = np.zeros((6, 40, 60), bool)
    mask[:, 10:30, 5:55] = True
    mask[0, 10:12, 26] = False
    sides = split_lungs(mask, (2.0, 1.0, 1.0))
    np.testing.assert_array_equal(sides, np.where(mask, np.where(np.arange(60) < 26, RIGHT, LEFT), 0))


def test_single_slices_are_split_apart_or_touching(touching):
    mask, truth = touching
    assert (split_lungs(mask[20:21], MM) != truth[20:21]).sum() < 0.01 * mask[20].sum()
    phantom = make_phantom("healthy", seed=1, shape=(24, 96, 96))
    np.testing.assert_array_equal(split_lungs(phantom.lungs[12:13] > 0, phantom.spacing), phantom.lungs[12:13])


def test_a_mirrored_patient_is_split_alike(touching):
    mask, _ = touching
    mask = mask & (np.arange(100) < 85)  # not its own mirror image
    sides, mirrored = split_lungs(mask, MM), split_lungs(mask[..., ::-1], MM)[..., ::-1]
    assert (sides != np.where(mirrored, 3 - mirrored, 0)).sum() < 0.002 * mask.sum()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 7), (3, 4, 4)])
def test_an_empty_and_a_full_mask_are_no_trouble(shape):
    assert not split_lungs(np.zeros(shape, bool), MM).any()
    assert split_lungs(np.ones(shape, bool), MM).all()


def test_label_numbers_are_refused():
    with pytest.raises(InputError, match="bool"):
        split_lungs(np.ones((1, 2, 2), np.uint8), MM)


@needs_data
def test_the_lobes_of_a_real_scan_lie_in_their_lung():
    # The lungs touch through the airways. CIP's numbers: lobe + 512 or 768 for airway and vessel in it.
    lobes = read_scan(DATA / "volumes/cip_ct64/lm-64.nrrd", allow=["not-hu"])
    sides = split_lungs(lobes.voxels > 0, lobes.spacing)
    region = lobes.voxels % 256
    assert (sides[(region >= 9) & (region <= 11)] == LEFT).all()
    assert (sides[(region >= 12) & (region <= 14)] == RIGHT).all()


@pytest.fixture(scope="module", params=[("id001", 3427, 4163), ("id002", 1527, 2941), ("id003", 3588, 3873)])
def drawn(request):
    """Lungs of a real scan that touch, in 3-D and in many slices; the volumes of their sides, ml; their sides."""
    name, *ml = request.param
    scan = read_scan(DATA / f"volumes/imlab_uiip_lungmask3d/{name}-128x128x64-msk.nii.gz", allow=["not-hu"])
    lungs = largest_components(scan.voxels > 127)
    return scan.spacing, lungs, ml, split_lungs(lungs, scan.spacing)


@needs_data
def test_real_lungs_that_touch_are_told_apart(drawn):
    spacing, lungs, ml, sides = drawn
    found = np.bincount(sides.ravel(), minlength=3)[1:] * np.prod(spacing) / 1000
    np.testing.assert_allclose(found, ml, atol=0.5)
    # A patient 35 mm beside the middle of the image is split alike.
    np.testing.assert_array_equal(split_lungs(np.roll(lungs, 11, axis=2), spacing), np.roll(sides, 11, axis=2))


@needs_data
def test_a_real_lung_alone_stays_whole(drawn):
    spacing, _, _, sides = drawn
    for side in (LEFT, RIGHT):
        np.testing.assert_array_equal(split_lungs(sides == side, spacing), np.where(sides == side, side, 0))


@needs_data
def test_every_slice_of_a_real_scan_by_itself_is_split_as_in_the_scan(drawn):
    spacing, lungs, _, sides = drawn
    for k in np.flatnonzero(lungs.any(axis=(1, 2))):
        differ = split_lungs(lungs[k : k + 1], spacing)[0] != sides[k]
        assert differ.sum() <= 0.02 * lungs[k].sum(), k
