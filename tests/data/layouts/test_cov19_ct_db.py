from tfcovid.data.layouts.cov19_ct_db import cov19_ct_db


def test_each_folder_of_slices_is_a_scan_of_its_split_and_label(lay_out, told):
    folder = lay_out(
        "train/covid/ct_scan_0/0.jpg",
        "train/covid/ct_scan_0/1.jpg",
        "train/non-covid/ct_scan_0/0.jpg",
        "val/covid/ct_scan_0/0.jpg",
        "val/non-covid/ct_scan_7/0.jpg",
        "test/ct_scan_1/0.jpg",
        "train_covid.csv",
    )
    assert told(cov19_ct_db(folder)) == [
        ("train/covid/ct_scan_0", "train-covid-ct_scan_0", "covid", "train", None, None),
        ("train/non-covid/ct_scan_0", "train-non-covid-ct_scan_0", "non-covid", "train", None, None),
        ("val/covid/ct_scan_0", "val-covid-ct_scan_0", "covid", "val", None, None),
        ("val/non-covid/ct_scan_7", "val-non-covid-ct_scan_7", "non-covid", "val", None, None),
    ]


def test_numbered_parts_of_a_download_are_the_training_side(lay_out, told):
    folder = lay_out(
        "covid1/ct_scan_0/0.jpg",
        "covid2/ct_scan_0/0.jpg",
        "non-covid3/ct_scan_0/0.jpg",
        "Validation/val/covid/ct_scan_0/0.jpg",
    )
    rows = told(cov19_ct_db(folder))
    assert [(row[2], row[3]) for row in rows] == [
        ("covid", "train"),
        ("covid", "train"),
        ("non-covid", "train"),
        ("covid", "val"),
    ]
    assert len({row[1] for row in rows}) == 4
