import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import Predictions, figure_table, figures, read_predictions, write_predictions

LABELS = ("healthy", "covid")


def _row(scan, patient, truth, called, p):
    return {"scan": scan, "patient": patient, "truth": truth, "called": called, "p_healthy": 1 - p, "p_covid": p}


ROWS = [
    _row("1", "a", "covid", "covid", 0.9),
    _row("2", "a", "covid", "healthy", 0.2),
    _row("3", "b", "healthy", "healthy", 0.3),
    _row("4", "a", "healthy", "covid", 0.5),
]


def test_rows_become_arrays_in_their_order_whatever_that_of_their_columns():
    found = Predictions.from_rows([dict(reversed(row.items())) for row in ROWS], LABELS)
    assert found.cases == ("1", "2", "3", "4") and found.patients == ("a", "a", "b", "a")
    assert found.truth.tolist() == [1, 1, 0, 0] and found.called.tolist() == [1, 0, 0, 1]
    assert found.probabilities[:, 1].tolist() == [0.9, 0.2, 0.3, 0.5]
    bare = Predictions.from_rows(
        [{n: v for n, v in row.items() if n not in ("called", "patient")} for row in ROWS], LABELS
    )
    assert bare.called.tolist() == [1, 0, 0, 0]  # the tie goes to the first label
    assert bare.patients == bare.cases


def test_a_patient_is_the_mean_of_their_scans_once_for_each_truth():
    found = Predictions.from_rows(ROWS, LABELS).by_patient()
    assert found.level == "patient" and found.cases == ("a (covid)", "b", "a (healthy)")
    assert found.patients == ("a", "b", "a") and found.truth.tolist() == [1, 0, 0]
    assert found.probabilities[:, 1] == pytest.approx([0.55, 0.3, 0.5])
    # Of two scans the likeliest label, or what the system decides; of one what it was called.
    assert found.called.tolist() == [1, 0, 1]
    decided = Predictions.from_rows(ROWS, LABELS).by_patient(lambda p: int(p[1] >= 0.56))
    assert decided.called.tolist() == [0, 0, 1]


def test_a_patient_of_one_scan_keeps_its_call_whatever_is_likeliest():
    rows = [_row(str(n), f"p{n}", "covid", "covid", p) for n, p in enumerate((0.31, 0.45, 0.9))]
    one = Predictions.from_rows(rows, LABELS)
    assert one.by_patient().called.tolist() == one.called.tolist() == [1, 1, 1]


def test_unusable_predictions_are_refused():
    with pytest.raises(InputError, match="no predictions to score"):
        Predictions.from_rows([], LABELS)
    with pytest.raises(InputError, match=r"truth that is none of the labels healthy, covid\. Received: flu"):
        Predictions.from_rows([{**ROWS[0], "truth": "flu"}], LABELS)
    with pytest.raises(InputError, match="1: probabilities are numbers from 0 to 1"):
        Predictions.from_rows([{**ROWS[0], "p_covid": np.nan}], LABELS)
    with pytest.raises(InputError, match="each once"):
        Predictions.from_rows(ROWS, ("healthy", "covid", "covid"))


def test_written_rows_are_read_again(tmp_path):
    write_predictions(ROWS, tmp_path / "p.csv")
    assert read_predictions(tmp_path / "p.csv") == ROWS


def test_figures_for_a_bundle_leave_out_what_is_not_defined():
    found = figures(ROWS, LABELS)
    assert list(found) == ["scans", "patients", "accuracy", "macro_f1", "auc_covid"]
    assert found["scans"] == 4 and found["patients"] == 2 and found["accuracy"][0] == 0.5
    assert list(figures(ROWS[:2], LABELS)) == ["scans", "patients", "accuracy", "macro_f1"]
    assert figure_table({"scans": 4, "macro_f1": [0.5, 0.25, 0.75]})[2:] == ["| macro f1 | 0.500 | 0.250 to 0.750 |"]
