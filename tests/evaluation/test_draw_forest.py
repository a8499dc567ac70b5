from tests.evaluation.test_compare import system
from tfcovid.evaluation.compare import compare
from tfcovid.evaluation.draw_forest import draw_forest
from tfcovid.evaluation.draw_roc import draw_roc
from tfcovid.evaluation.p_text import p_text


def test_a_panel_a_figure_and_a_row_a_system_with_value_interval_and_p():
    comparison = compare({"a": system(2.0), "b": system(1.0, seed=1)}, resamples=100)
    panels = draw_forest(comparison).axes
    assert len(panels) == 7
    accuracy = panels[0]
    assert [label.get_text() for label in accuracy.get_yticklabels()] == ["a", "b"]
    figure = comparison.scores["b"].figures["accuracy"]
    p = p_text(comparison.against["b"].bootstrap["accuracy"].p)
    assert [text.get_text() for text in accuracy.texts] == [
        str(comparison.scores["a"].figures["accuracy"]),
        f"{figure}  p = {p}",
    ]
    interval = accuracy.lines[2]
    assert list(interval.get_xdata()) == [figure.low, figure.high] and list(interval.get_ydata()) == [1, 1]


def test_two_labels_have_no_false_disease():
    two = ("healthy", "covid-19")
    comparison = compare({"a": system(2.0, labels=two), "b": system(1.0, seed=1, labels=two)}, resamples=20)
    assert [axes.get_title(loc="left") for axes in draw_forest(comparison).axes][3:] == [
        "AUC",
        "False positive error",
        "False negative error",
    ]


def test_systems_may_be_called_what_looks_like_a_formula(tmp_path):
    comparison = compare({r"$\foo$": system(2.0), "_$b": system(1.0, seed=1)}, resamples=20)
    draw_forest(comparison).savefig(tmp_path / "forest.png")
    figure = draw_roc(comparison.systems, comparison.scores)
    figure.savefig(tmp_path / "roc.png")
    words = [text.get_text().partition(": ")[0] for text in figure.axes[0].get_legend().get_texts()]
    assert words == [r"\$\foo\$", r" _\$b"]
