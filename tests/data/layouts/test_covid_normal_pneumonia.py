from collections import Counter

from tfcovid.data.layouts.covid_normal_pneumonia import covid_normal_pneumonia


def test_neighbours_in_the_natural_order_of_names_are_one_patient(lay_out):
    folder = lay_out(
        *(f"Normal_CT/{n}.jpg" for n in range(1, 131)), "pneumonia_CT/a (1).png", "COVID2_CT/1.jpg", "COVID2_CT/notes"
    )
    entries = covid_normal_pneumonia(folder)
    assert Counter((entry.label, entry.patient) for entry in entries) == {
        ("normal", "normal block 0001"): 100,
        ("normal", "normal block 0002"): 30,
        ("pneumonia", "pneumonia block 0001"): 1,
        ("covid", "covid block 0001"): 1,
    }
    assert [entry.scan.name for entry in entries[8:11]] == ["9.jpg", "10.jpg", "11.jpg"]
