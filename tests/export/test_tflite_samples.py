import numpy as np

from tfcovid.data import network_slices
from tfcovid.export.tflite_samples import _balanced, tflite_samples
from tfcovid.inference import load_segmenter
from tfcovid.preprocess import window
from tfcovid.scans import read_scan


def test_training_slices_through_the_windows_in_turn(system, cohort):
    found = tflite_samples(system, cohort.entries)
    train = [entry for entry in cohort.entries if entry.split == "train"]
    slices = {entry.label: network_slices(read_scan(entry.scan), system.config).hu for entry in train}
    assert found.shape == (sum(map(len, slices.values())), 32, 32, 1)
    first = _balanced(train, seed=0)[0].label
    for n, center in enumerate((-700, -500, -700)):
        np.testing.assert_array_equal(found[n, ..., 0], window(slices[first][n], center, 1200))


def test_labels_come_in_turn(cohort):
    labels = [entry.label for entry in _balanced(cohort.entries, seed=1)]
    assert [len(set(labels[n : n + 4])) for n in (0, 4, 8)] == [4, 4, 4]


def test_a_segmenter_sees_whole_slices(lungs_bundle, cohort):
    found = tflite_samples(load_segmenter(lungs_bundle), cohort.entries[:2])
    assert found.shape[1:] == (32, 32, 1) and 0 <= found.min() < found.max() <= 1
