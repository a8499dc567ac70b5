from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from tfcovid.inference.figure import draw


def test_the_notice_of_a_config_goes_with_its_results(diagnosis):
    assert diagnosis.notice.startswith("Research use only.") and "synthetic scans only" in diagnosis.notice
    assert diagnosis.summary["notice"] == diagnosis.notice


def test_the_figure_says_the_answer_and_shows_every_fifth_slice(diagnosis, tmp_path):
    words = [text.get_text() for text in draw(diagnosis).findobj(match=lambda artist: hasattr(artist, "get_text"))]
    assert diagnosis.label in words and diagnosis.notice in words
    assert {"0", "5"} <= set(words) and "1" not in words
    for value in diagnosis.probabilities.values():
        assert f"{value:.3f}" in words
    assert words.count("R") == words.count("L") == 2  # on both slices


def test_a_label_is_no_formula(diagnosis, tmp_path):
    labels = ("healthy", r"$\bad{$", "h1n1", "cap")
    replace(diagnosis, labels=labels, label=labels[1]).plot(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").is_file()


@pytest.mark.parametrize("warm", [0.0, 1.0])
def test_a_cold_map_adds_no_colour_and_a_warm_one_does(diagnosis, tmp_path, warm):
    replace(diagnosis, small_map=np.full_like(diagnosis.small_map, warm)).plot(tmp_path / "figure.png")
    pixels = imread(tmp_path / "figure.png")[..., :3]
    bars = pixels[-200:]  # the bar of the answer is coloured whatever the map
    coloured = (np.ptp(pixels[:-200], axis=-1) > 0.1).mean()
    assert np.ptp(bars, axis=-1).max() > 0.3
    assert coloured > 0.1 if warm else coloured < 0.01
