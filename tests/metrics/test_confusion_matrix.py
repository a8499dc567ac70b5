import keras
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from tfcovid.metrics import ConfusionMatrix


def samples(classes=4, count=37):
    generator = np.random.default_rng(0)
    return generator.integers(0, classes, count), generator.dirichlet(np.ones(classes), count).astype("float32")


def filled(metric, truth, scores, weight=None, batch=16):
    """Over batches of which the last is smaller."""
    for start in range(0, len(truth), batch):
        part = slice(start, start + batch)
        metric.update_state(truth[part], scores[part], None if weight is None else weight[part])
    return keras.ops.convert_to_numpy(metric.result())


def test_equals_scikit_learn_in_every_form_of_labels():
    truth, scores = samples()
    expected = confusion_matrix(truth, scores.argmax(1), labels=range(4))
    for y_true in (truth, truth[:, None], truth.astype("float32"), truth.astype("uint8"), np.eye(4)[truth]):
        np.testing.assert_array_equal(filled(ConfusionMatrix(4), y_true, scores), expected)


def test_one_sigmoid_channel_is_class_one_above_the_threshold():
    truth = np.array([0, 0, 1, 1, 1])
    scores = np.array([[0.2], [0.5], [0.5], [0.51], [0.9]], "float32")
    for y_true in (truth, truth[:, None], truth.astype(bool), np.eye(2)[truth]):
        np.testing.assert_array_equal(filled(ConfusionMatrix(), y_true, scores), [[2, 0], [1, 2]])
    np.testing.assert_array_equal(filled(ConfusionMatrix(threshold=0.1), truth, scores), [[0, 2], [0, 3]])


def test_a_sample_counts_as_many_times_as_its_weight():
    truth, scores = samples()
    weight = np.random.default_rng(1).uniform(0, 2, len(truth))
    expected = confusion_matrix(truth, scores.argmax(1), labels=range(4), sample_weight=weight)
    for one in (weight, weight[:, None]):
        np.testing.assert_allclose(filled(ConfusionMatrix(4), truth, scores, one), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="one weight a sample"):
        ConfusionMatrix(4).update_state(truth, scores, np.ones((len(truth), 4)))


def test_reset_forgets():
    truth, scores = samples()
    metric = ConfusionMatrix(4)
    first = filled(metric, truth, scores)
    metric.reset_state()
    np.testing.assert_array_equal(metric.result(), np.zeros((4, 4)))
    np.testing.assert_array_equal(filled(metric, truth, scores), first)


@pytest.mark.parametrize("wrong", [4, -1, 255])
def test_a_number_that_is_no_class_gives_no_number_unless_it_weighs_nothing(wrong):
    truth, scores = samples()
    truth[3] = wrong
    assert np.isnan(filled(ConfusionMatrix(4), truth, scores)).any()
    weight = (truth != wrong).astype("float32")
    expected = confusion_matrix(np.delete(truth, 3), np.delete(scores, 3, 0).argmax(1), labels=range(4))
    np.testing.assert_array_equal(filled(ConfusionMatrix(4), truth, scores, weight), expected)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(batch, 4\). Received: y_pred.shape=\(5, 1\)"):
        ConfusionMatrix(4).update_state(np.zeros(5), np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"\(batch, 2\) or \(batch, 1\). Received: y_pred.shape=\(5, 8, 8, 2\)"):
        ConfusionMatrix().update_state(np.zeros((5, 8, 8)), np.zeros((5, 8, 8, 2)))
    with pytest.raises(ValueError, match=r"Received: y_true.shape=\(5, 3\)"):
        ConfusionMatrix(4).update_state(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(ValueError, match="classes=1"):
        ConfusionMatrix(1)
