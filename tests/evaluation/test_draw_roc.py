import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.evaluation.test_compare import system, take
from tfcovid.evaluation.draw_roc import draw_roc
from tfcovid.evaluation.score import score


def drawn(*systems):
    named = {f"system {n}": one for n, one in enumerate(systems)}
    return draw_roc(named, {name: score(one, 20) for name, one in named.items()})


def test_a_panel_a_label_and_a_curve_a_system_over_the_area_of_the_legend():
    a, b = system(1.0), system(2.0, seed=1)
    panels = drawn(a, b).axes
    titles = ["Any disease against healthy", "covid-19 against all others", "cap against all others"]
    assert [axes.get_title(loc="left") for axes in panels] == titles
    for n, axes in enumerate(panels):
        curves = [line for line in axes.lines if not line.get_label().startswith("_")]
        for one, line in zip((a, b), curves, strict=True):
            area = np.trapezoid(line.get_ydata(), line.get_xdata())
            assert area == pytest.approx(roc_auc_score(one.truth == n, one.probabilities[:, n]))
            assert f": {area:.3f} [" in line.get_label()


def test_the_mark_stands_where_the_calls_are():
    a = system(1.0)
    mark = next(line for line in drawn(a).axes[0].lines if len(line.get_xdata()) == 1)
    ill, called = a.truth > 0, a.called > 0
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (called[~ill].mean(), called[ill].mean())


def test_two_labels_have_one_panel_and_a_label_without_cases_no_curve():
    two = system(1.0, labels=("healthy", "covid-19"))
    assert [axes.get_title(loc="left") for axes in drawn(two).axes] == ["covid-19 against healthy"]
    a = system(1.0)
    without = drawn(take(a, np.flatnonzero(a.truth < 2))).axes[2]
    assert without.get_legend().get_texts()[0].get_text() == "system 0: not defined"
