import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from tfcovid.evaluation.operating_points import operating_points
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import score
from tfcovid.report import write_cohort_report


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 3
    found = np.exp(rng.normal(0, 1, (60, 3)) + 2 * np.eye(3)[truth])
    found /= found.sum(axis=1, keepdims=True)
    names = tuple(f"scans/DOE_JANE_{n}" for n in range(60))
    return Predictions(("healthy", "covid-19", "cap"), names, tuple(f"P{n // 2}" for n in range(60)), truth, found,
                       found.argmax(axis=1))  # fmt: skip


def written(predictions, folder, **options):
    path = folder / "report.html"
    write_cohort_report(score(predictions, 200), predictions, path, title="Of <tiny>", notice="Research.", **options)
    return path.read_text(encoding="utf-8")


def test_figures_stand_there_with_interval_and_unit(predictions, tmp_path):
    page, found = written(predictions, tmp_path), score(predictions, 200)
    assert '<h1 class="long">Of &lt;tiny&gt;</h1>' in page and page.count("Research.") == 2
    assert "<b>60</b> scans of 30 patients" in page and "200 resamples of the patients" in page
    for name in ("accuracy", "auc_macro", "fdpe", "sensitivity_cap", "npv_healthy"):
        one = found.figures[name]
        assert f"{one.value:.3f}" in page and f"[{one.low:.3f}, {one.high:.3f}]" in page, name
    assert f"<b>{found.confusion[1, 1]}</b><small>{found.confusion[1, 1] / 20:.0%}</small>" in page
    exact = found.delong["auc_cap"]
    assert f"[{exact.low:.3f}, {exact.high:.3f}]" in page


def test_cases_and_patients_are_numbers_unless_names_are_asked_for(predictions, tmp_path):
    wrong = int(np.flatnonzero(predictions.truth != predictions.called)[0])
    links = {predictions.cases[wrong]: f"cases/{wrong:04d}.html"}
    options = {"links": links, "unreadable": [("scans/ROE", "no slices in scans/ROE")]}
    page = written(predictions, tmp_path, **options)
    assert "DOE" not in page and "ROE" not in page and ">P1" not in page
    assert f'<a href="cases/{wrong:04d}.html">{wrong:04d}</a>' in page and "1 could not be read" in page
    assert page.count('<tr class="wrong">') == (predictions.truth != predictions.called).sum()
    page = written(predictions, tmp_path, **options, names=True)
    assert "scans/DOE_JANE_59" in page and "no slices in scans/ROE" in page


def test_curves_thresholds_and_facts_are_shown(predictions, tmp_path):
    figure = Figure()
    figure.add_subplot().plot([0, 1])
    points = operating_points(predictions, predictions, (0.9,), resamples=200)
    facts = {"split": "test", "bundle": {"name": "<tiny>"}}
    page = written(predictions, tmp_path, curves=[("ROC <curves>", figure)], points=points, facts=facts)
    assert 'src="data:image/svg+xml;base64,' in page and 'alt="ROC &lt;curves&gt;"' in page
    assert f"{points[0].threshold:.4f}" in page and "chosen on validation cases alone" in page
    assert "name: &lt;tiny&gt;" in page and "<dd>test</dd>" in page
    assert not written(predictions, tmp_path).count("Operating points")


def test_what_is_not_defined_says_why(tmp_path):
    all_ill = Predictions(
        ("healthy", "covid-19"), ("a", "b"), ("a", "b"), np.array([1, 1]), np.array([[0.1, 0.9], [0.4, 0.6]]),
        np.array([1, 1]),
    )  # fmt: skip
    page = written(all_ill, tmp_path)
    why = score(all_ill, 200).figures["auc_covid-19"].why
    assert why and f"Not defined: {why}" in page and not re.search(r"\bnan\b", page)
