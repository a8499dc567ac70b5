from tfcovid.data.layouts.covid_ct_md import covid_ct_md


def test_a_subject_is_a_patient_and_brings_the_slice_labels_beside_it(lay_out, told):
    folder = lay_out(
        "COVID-19 subjects/P001/98C-1.dcm",
        "COVID-19 subjects/P001/98C-2.dcm",
        "COVID-19 subjects/P001_slice_labels.csv",
        "Cap subjects/cap001/deeper/1.dcm",
        "Normal subjects/normal001/1.dcm",
        "Index.csv",
    )
    entries = covid_ct_md(folder)
    assert told(entries) == [
        ("Normal subjects/normal001", "normal001", "healthy", None, None, None),
        ("COVID-19 subjects/P001", "P001", "covid-19", None, None, None),
        ("Cap subjects/cap001/deeper", "cap001", "cap", None, None, None),
    ]
    assert [entry.slice_labels and entry.slice_labels.name for entry in entries] == [
        None,
        "P001_slice_labels.csv",
        None,
    ]


def test_a_subject_without_a_readable_slice_is_not_dropped(lay_out):
    folder = lay_out("Normal subjects/normal001/notes.txt", "CAP subjects/cap001/1.dcm")
    assert [entry.patient for entry in covid_ct_md(folder)] == ["normal001", "cap001"]
