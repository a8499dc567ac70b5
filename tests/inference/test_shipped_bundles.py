"""What the shipped bundles say of real scans that they were not trained on; the figures stand on their cards."""

import csv

import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.data import Entry
from tfcovid.evaluation.ranking import ranking
from tfcovid.inference import load, load_segmenter
from tfcovid.inference.score_masks import score_masks
from tfcovid.scans import read_scan

CT_MD = DATA / "volumes" / "covid_ct_md"


@pytest.fixture(scope="module")
def infection():
    return load_segmenter("infection")


@needs_data
def test_the_infection_of_a_person_kept_out_is_outlined_as_the_card_says(infection):
    case = DATA / "infection" / "ma20_slices" / "coronacases_006"
    entry = Entry(case / "ct", "p", "ma20", lesions=case / "infection")
    [scored] = score_masks(infection, [entry], allow=("not-hu", "no-spacing", "no-orientation"))
    assert scored.scores.labels["infection"].dice == pytest.approx(0.835, abs=0.003)


@needs_data
def test_a_normal_scan_stays_cold_and_slices_of_a_covid_scan_are_told_apart(infection):
    normal = infection.segment(read_scan(CT_MD / "normal001_256.nii.gz"))
    assert normal.table[-1]["involved_percent"] < 0.3
    scan = read_scan(CT_MD / "P001_dicom")
    with (CT_MD / "P001_slice_labels.csv").open() as file:
        ill = np.array([row["infected"] == "1" for row in csv.DictReader(file)])
    areas = infection.segment(scan).infection.sum(axis=(1, 2)).astype(float)
    assert ranking(ill, areas, np.ones((1, len(ill))))[0][0] > 0.95


@needs_data
def test_chest_ct_tells_a_covid_scan_from_a_normal_one_and_finds_the_slices():
    system = load("chest_ct")
    normal = system.diagnose(read_scan(CT_MD / "normal001_256.nii.gz"))
    covid = system.diagnose(read_scan(CT_MD / "P001_dicom"))

    assert (normal.label, covid.label) == ("no-pneumonia", "pneumonia")
    assert covid.probabilities["pneumonia"] > normal.probabilities["pneumonia"] + 0.3
    assert normal.unlike_training == [] and covid.unlike_training == []
    with (CT_MD / "P001_slice_labels.csv").open() as file:
        ill = np.array([row["infected"] == "1" for row in csv.DictReader(file)])
    assert ranking(ill, covid.lesion_probabilities.astype(float), np.ones((1, len(ill))))[0][0] > 0.95
    # Slice 20 shows bowel, which the infection segmenter outlines.
    assert covid.lesion_map_of(20)[~covid.lung_region[20].astype(bool)].max() == 0
