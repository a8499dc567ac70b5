import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import air_lungs, body_mask, from_8bit
from tfcovid.scans import read_scan


@pytest.fixture
def slice_():
    """A body of 60 x 80 pixels with two lungs, a plate of a table behind it and air all around."""
    hu = np.full((1, 128, 128), -1000, np.int16)
    hu[0, 20:80, 24:104] = 40
    hu[0, 30:70, 30:56] = hu[0, 30:70, 72:98] = -850
    hu[0, 88:89, 10:118] = 100
    return hu


def test_the_body_is_found_with_its_lungs_and_without_air_and_table(slice_):
    found = body_mask(slice_)
    assert found.dtype == bool and found.shape == slice_.shape
    expected = np.zeros(slice_.shape, bool)
    expected[0, 20:80, 24:104] = True
    np.testing.assert_array_equal(found, expected)


def test_a_lung_that_the_image_cuts_off_stays(slice_):
    cut = slice_[:, 24:76, 40:96]  # edges within the chest: both lungs reach the sides
    assert body_mask(cut).all()


def test_a_lung_that_reaches_a_corner_stays_however_much_air_it_holds(slice_):
    slice_[slice_ == -850] = -880
    cut = slice_[:, 31:76, 40:96]  # the upper edge is the lungs' first row but one
    assert (cut[0, 0, [0, -1]] == -880).all()
    assert body_mask(cut).all()


def test_the_foam_of_a_table_in_a_corner_goes(slice_):
    slice_[0, 92:] = np.random.default_rng(0).normal(-890, 20, (36, 128)).astype(np.int16)
    assert not body_mask(slice_)[0, 92:].any()


def test_a_slice_of_air_has_no_body_and_a_slice_of_tissue_is_one():
    air = np.full((1, 64, 64), -1000, np.int16)
    np.testing.assert_array_equal(body_mask(np.concatenate([air, air + 1040])).mean(axis=(1, 2)), [0, 1])


def test_large_slices_are_searched_on_a_coarser_grid_and_keep_their_shape(slice_):
    large = slice_.repeat(5, axis=1).repeat(5, axis=2)[:, :-3, :-1]
    expected = body_mask(slice_).repeat(5, 1).repeat(5, 2)[:, :-3, :-1]
    assert (body_mask(large) != expected).sum() <= 16, "the opening rounds four corners"


def test_threads_do_not_change_it_and_the_lungs_of_a_phantom_are_inside():
    phantom = make_phantom("covid", seed=3, shape=(6, 128, 128), severity=0.8)
    found = body_mask(phantom.hu, threads=1)
    np.testing.assert_array_equal(found, body_mask(phantom.hu, threads=3))
    assert found[phantom.lungs > 0].all() and 0.3 < found.mean() < 0.7
    assert not found[:, [0, -1]][:, :, [0, -1]].any(), "no corner is body"


@pytest.mark.parametrize("air, lung, tissue", [(45, 70, 210), (0, 0, 110)], ids=["lung window", "soft tissue"])
def test_grey_levels_are_not_read_as_hu(slice_, air, lung, tissue):
    levels = np.select([slice_ == -1000, slice_ == -850], [air, lung], tissue).astype(np.uint8)
    expected = np.zeros(slice_.shape, bool)
    expected[0, 20:80, 24:104] = True
    hu = from_8bit(levels, center=-600, width=1500)
    assert (body_mask(hu, eight_bit=True) != expected).sum() <= 4, "the opening rounds four corners"


def test_what_is_not_hu_is_refused():
    with pytest.raises(InputError, match="Hounsfield units are needed"):
        body_mask(np.zeros((1, 8, 8), np.uint8))


@needs_data
@pytest.mark.parametrize("name, share", [("cap002_256", 0.637), ("normal001_256", 0.700)])
def test_the_body_in_a_real_scan(name, share):
    found = body_mask(read_scan(DATA / "volumes" / "covid_ct_md" / f"{name}.nii.gz").hu)
    assert found.mean() == pytest.approx(share, abs=0.005)


@needs_data
@pytest.mark.parametrize(
    "name, share, left, right",
    [
        ("2020.02.22.20024927-p19-68%0", 1.0, 0.26, 0.31),  # both lungs reach the sides
        ("2020.03.13.20035212-p23-156", 0.83, 0.15, 0.16),  # a soft-tissue window
    ],
)
def test_lungs_in_published_pictures(name, share, left, right):
    scan = read_scan(DATA / "covid_ct" / "CT_COVID" / f"{name}.png")
    hu = from_8bit(scan.voxels, center=-600, width=1500)
    body = body_mask(hu, eight_bit=True)
    sides = air_lungs(hu, scan.spacing, body=body, eight_bit=True)
    found = [body.mean(), (sides == 1).mean(), (sides == 2).mean()]
    assert found == pytest.approx([share, left, right], abs=0.02)
