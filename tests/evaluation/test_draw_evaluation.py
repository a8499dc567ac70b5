import numpy as np
import pytest

from tests.evaluation.test_compare import system, take
from tfcovid.evaluation.calibration import reliability
from tfcovid.evaluation.draw_evaluation import draw_evaluation
from tfcovid.evaluation.score import score


def test_all_panels_of_three_labels():
    a = system(1.5)
    found = score(a, 50)
    figure = draw_evaluation(a, found)
    confusion, roc, precision, labels, *_ = figure.axes
    counts = found.confusion
    words = [text.get_text() for text in confusion.texts]
    assert words == [f"{n}\n{100 * n / counts[row].sum():.0f} %" for (row, _), n in np.ndenumerate(counts)]
    assert [text.get_text().partition(":")[0] for text in roc.get_legend().get_texts()] == [
        "any but healthy",
        "covid-19",
        "cap",
    ]
    assert precision.get_legend().get_texts()[0].get_text() == f"healthy: {found.figures['average_precision_healthy']}"
    assert [label.get_text() for label in labels.get_yticklabels()] == list(a.labels)


def test_the_curve_of_reliability_leaves_empty_bins_out():
    a = system(1.5)
    axes = draw_evaluation(a, score(a, 50), ["reliability"]).axes[0]
    found = reliability(a)
    curve = axes.lines[-1]
    assert curve.get_xdata() == pytest.approx(found.confidence[found.count > 0])
    assert curve.get_ydata() == pytest.approx(found.right[found.count > 0])
    assert f"off by {found.ece:.3f}" in axes.get_title(loc="left")


def test_a_label_without_cases_and_a_single_case_are_drawn_as_far_as_they_go(tmp_path):
    a = system(1.0)
    for rows in (np.flatnonzero(a.truth < 2), np.flatnonzero(a.truth == 0), [0]):
        one = take(a, rows)
        figure = draw_evaluation(one, score(one, 20))
        figure.savefig(tmp_path / "figure.svg")
        assert (tmp_path / "figure.svg").stat().st_size > 10_000


def test_unknown_panels_are_refused():
    a = system(1.0)
    with pytest.raises(ValueError, match=r"panels are confusion, .* Received: pie"):
        draw_evaluation(a, score(a, 20), ["pie"])


def test_names_are_drawn_as_they_stand(tmp_path):
    """What looks like a formula, or like what matplotlib leaves out of legends."""
    names = ("_healthy", r"$\foo$", "5$ and 6$", "a_label_that_is_longer_than_its_place")
    a = system(1.0, labels=names)
    found = score(a, 20)
    figure = draw_evaluation(a, found)
    figure.savefig(tmp_path / "figure.png")
    _, roc, precision, labels, *_ = figure.axes
    words = [text.get_text().strip() for text in precision.get_legend().get_texts()]
    assert [word.partition(": ")[0] for word in words] == [
        "_healthy",
        r"\$\foo\$",
        r"5\$ and 6\$",
        names[3][:31] + "...",
    ]
    assert len(roc.get_legend().get_texts()) == 4
    assert labels.get_yticklabels()[3].get_text() == "a_label_that_..."
    two = system(1.0, labels=("$x", "y$"))
    draw_evaluation(two, score(two, 20), ["labels", "benefit"]).savefig(tmp_path / "figure.png")
