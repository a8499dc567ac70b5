import numpy as np
import pytest

from tfcovid.config.schema import Window
from tfcovid.inference.training_range import looked_at, scan_statistics, training_range, unlike_training
from tfcovid.scans import Finding

FINDINGS = [Finding("padding", "info", "", ""), Finding("odd-spacing", "warning", "", "")]


WINDOW = Window()


def statistics(level):
    hu = np.random.default_rng(level).normal(-600 + level, 100, (16, 32, 32)).astype(np.int16)
    return scan_statistics(hu)


@pytest.fixture(scope="module")
def known():
    return {
        "training_range": training_range(statistics(level) for level in range(12)),
        "findings": {"odd-spacing": 3},
        "data": {"train": {"healthy": 12}, "val": {}},
    }


def test_a_scan_like_those_of_training_is_not_remarked_on(known):
    assert unlike_training(statistics(5), FINDINGS, known, WINDOW) == []


def test_other_grey_levels_and_an_unknown_finding_are_named(known):
    findings = [*FINDINGS, Finding("gantry-tilt", "warning", "", "")]

    warnings = unlike_training(statistics(300), findings, known, WINDOW)

    assert warnings[1] == "median of the pixels: -298 HU; in training -600 to -588 HU"
    assert len(warnings) == 4
    assert warnings[-1] == "gantry-tilt, which 0 of 12 scans of training and validation had"


def test_grey_levels_that_the_window_makes_alike_are_alike(known):
    """Padding of -2048 and of -3024 are both black to the network."""
    name = "darkest 5 % of the pixels below"
    black = {"training_range": training_range({**statistics(n), name: -2048} for n in range(12))}
    assert unlike_training({**statistics(5), name: -3024}, FINDINGS, {**known, **black}, WINDOW) == []


def test_little_training_data_and_old_bundles_say_nothing():
    few = training_range(statistics(level) for level in range(9))

    assert few is None
    assert unlike_training(statistics(300), FINDINGS, {"training_range": few}, WINDOW) is None
    assert unlike_training(statistics(300), FINDINGS, {}, WINDOW) is None


def test_at_most_sixteen_slices_from_end_to_end_are_looked_at():
    assert looked_at(1).tolist() == [0]
    assert looked_at(16).tolist() == list(range(16))
    assert looked_at(300).tolist()[::15] == [0, 299]


def test_a_trained_bundle_knows_its_range_and_prediction_measures_alike(system, cohort, prepared, tiny):
    """The cohort is too small to say what is usual; the measure itself is the same from the store and from the scan."""
    from tfcovid.data.network_slices import network_slices
    from tfcovid.data.prepare import read_slices
    from tfcovid.scans import read_scan

    assert system.facts["training_range"] is None
    some = looked_at(len(prepared[0].index))
    hu = network_slices(read_scan(cohort.entries[0].scan), tiny).hu
    stored = scan_statistics(read_slices(prepared[0], tiny.crop.size, some))
    assert stored == scan_statistics(hu[some])
