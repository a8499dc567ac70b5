from collections import Counter, defaultdict

import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.data.layouts.covid_ct import covid_ct
from tfcovid.errors import InputError


@pytest.fixture
def small(lay_out):
    folder = lay_out("CT_COVID/a%1.png", "CT_COVID/a%2.png", "CT_COVID/b.png", "CT_NonCOVID/1.jpg", "CT_NonCOVID/2.jpg")
    (folder / "COVID-CT-MetaInfo.csv").write_text(
        "image name,patient id\na%1.png,Patient 1\na%2.png,Patient 1\nb.png,Patient 2\ngone.png,Patient 3\n"
    )
    (folder / "NonCOVID-CT-MetaInfo.csv").write_text("image name,patient id\n1.jpg,Patient 1\n2.jpg,Patient 2\n")
    return folder


def test_official_lists_give_the_splits_and_name_what_is_missing(small, told):
    (small / "Data-split/COVID").mkdir(parents=True)
    (small / "Data-split/COVID/trainCT_COVID.txt").write_text("a%1.png\na%2.png\ngone.png\n")
    (small / "Data-split/COVID/valCT_COVID.txt").write_text("b.png\n\n")
    (small / "Data-split/trainCT_NonCOVID.txt").write_text("1.jpg\n")
    assert told(covid_ct(small)) == [
        ("CT_COVID/a%1.png", "COVID Patient 1", "covid", "train", None, None),
        ("CT_COVID/a%2.png", "COVID Patient 1", "covid", "train", None, None),
        ("CT_COVID/gone.png", "COVID Patient 3", "covid", "train", None, None),
        ("CT_COVID/b.png", "COVID Patient 2", "covid", "val", None, None),
        ("CT_NonCOVID/1.jpg", "NonCOVID Patient 1", "non-covid", "train", None, None),
    ]


def test_without_lists_every_image_is_taken_without_a_split(small):
    assert Counter((entry.label, entry.split) for entry in covid_ct(small)) == {
        ("covid", None): 3,
        ("non-covid", None): 2,
    }


def test_an_image_whose_patient_is_not_known_is_refused(small):
    (small / "CT_COVID/c.png").write_bytes((small / "CT_COVID/b.png").read_bytes())
    with pytest.raises(InputError, match=r"no patient of 1 images: \['c.png'\]"):
        covid_ct(small)
    (small / "NonCOVID-CT-MetaInfo.csv").unlink()
    (small / "CT_COVID/c.png").unlink()
    with pytest.raises(InputError, match="no NonCOVID-CT-MetaInfo"):
        covid_ct(small)


@needs_data
def test_the_real_set_has_its_published_splits_and_no_patient_in_two():
    entries = covid_ct(DATA / "covid_ct")
    assert Counter((entry.label, entry.split) for entry in entries) == {
        ("covid", "train"): 191,
        ("covid", "val"): 60,
        ("non-covid", "train"): 234,
        ("non-covid", "val"): 58,
    }
    assert all(entry.scan.is_file() for entry in entries)
    splits = defaultdict(set)
    for entry in entries:
        splits[entry.patient].add(entry.split)
    assert len(splits) == 289 and all(len(found) == 1 for found in splits.values())
