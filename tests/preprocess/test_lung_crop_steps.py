import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import lung_boxes
from tfcovid.preprocess.lung_crop_steps import lung_crop_steps
from tfcovid.scans import read_scan


def assert_leads_to_the_box(hu):
    boxes, without_lung = lung_boxes(hu, margin=0)
    for one, box, without in zip(hu, boxes, without_lung, strict=True):
        rows, columns = np.nonzero(lung_crop_steps(one)["opening again"])
        assert (len(rows) == 0) == without
        if not without:
            assert [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1] == box.tolist()


def test_the_last_step_is_what_the_box_goes_around():
    hu = make_phantom("covid", seed=1, shape=(6, 96, 96)).hu
    assert_leads_to_the_box(np.concatenate([hu, np.full_like(hu[:1], 40)]))


@needs_data
def test_the_same_on_a_real_scan():
    assert_leads_to_the_box(read_scan(DATA / "volumes/covid_ct_md/cap002_256.nii.gz").hu[::6])


def test_each_step_takes_away_what_it_is_for():
    hu = np.full((40, 60), 40, np.int16)
    hu[:3] = -1000  # air around the patient
    hu[10:30, 20:40] = -850  # a lung
    hu[34:36, 50:55] = -900  # a gap in the table, narrower than the kernel
    steps = lung_crop_steps(hu)
    assert list(steps) == ["threshold", "opening", "background removed", "opening again"]
    assert [int(step.sum()) for step in steps.values()] == [180 + 400 + 10, 180 + 400, 400, 400]


def test_pixels_that_are_no_hu():
    with pytest.raises(InputError, match="dtype uint8"):
        lung_crop_steps(np.zeros((8, 8), np.uint8))
