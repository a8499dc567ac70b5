import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import body_box, lung_areas, to_8bit
from tfcovid.preprocess.lung_area_steps import lung_area_steps
from tfcovid.scans import read_scan


def assert_leads_to_the_area(slices):
    steps = [lung_area_steps(one) for one in slices]
    assert [int(step["lung"].sum()) for step in steps] == lung_areas(slices).tolist()
    for step, (top, left, bottom, right) in zip(steps, body_box(slices), strict=True):
        np.testing.assert_array_equal(step["cropped"], step["original"][top:bottom, left:right])


@pytest.mark.parametrize("eight_bit", [False, True])
def test_the_last_step_has_as_many_pixels_as_the_area(eight_bit):
    hu = make_phantom("covid", seed=1, shape=(6, 96, 96)).hu
    assert lung_areas(hu).max() > 500
    assert_leads_to_the_area(to_8bit(hu) if eight_bit else hu)


@needs_data
def test_the_same_on_a_real_scan():
    assert_leads_to_the_area(read_scan(DATA / "volumes/covid_ct_md/cap002_256.nii.gz").hu[::6])


def test_the_names_of_the_steps_and_what_they_hold():
    steps = lung_area_steps(make_phantom("covid", seed=1, shape=(3, 64, 64)).hu[1])
    assert {name: step.dtype.name for name, step in steps.items()} == {
        "original": "uint8",
        "cropped": "uint8",
        "filtered": "uint8",
        "map": "bool",
        "filled": "bool",
        "lung": "bool",
    }
    assert (steps["filtered"] <= steps["cropped"]).all()
    assert (steps["map"] <= steps["filled"]).all()


def test_a_stack_is_no_slice():
    with pytest.raises(InputError, match=r"\(1, 2, 8, 8\)"):
        lung_area_steps(np.zeros((2, 8, 8), np.uint8))
