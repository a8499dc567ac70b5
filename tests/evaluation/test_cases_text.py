from tfcovid.evaluation.cases_text import cases_text


def test_patients_with_two_truths_are_counted_once():
    assert cases_text("scan", 90, 25) == "90 scans of 25 patients"
    assert cases_text("patient", 25, 25) == "25 patients"
    assert cases_text("patient", 51, 30) == "30 patients (51 cases, as some have two truths)"
