import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.metrics.fit_check import check
from tests.metrics.test_confusion_matrix import filled, samples
from tests.parity import report
from tfcovid.metrics import F1, ConfusionMatrix, MacroF1, Sensitivity, Specificity


@pytest.mark.parametrize("classes", [2, 4])
def test_equals_scikit_learn(classes):
    truth, scores = samples(classes)
    weight = np.random.default_rng(1).uniform(0, 2, len(truth))
    for one in (None, weight):
        expected = f1_score(truth, scores.argmax(1), average="macro", sample_weight=one)
        for y_true in (truth, np.eye(classes)[truth]):
            found = filled(MacroF1(classes), y_true, scores, one)
            report(f"MacroF1, {classes} classes", "scikit-learn f1_score", found, expected)
            assert found == pytest.approx(expected, rel=1e-5)


def test_one_sigmoid_channel_is_two_classes():
    truth, scores = samples(2)
    expected = f1_score(truth, scores[:, 1] > 0.5, average="macro")
    assert filled(MacroF1(), truth, scores[:, 1:]) == pytest.approx(expected, rel=1e-5)


def test_a_class_neither_there_nor_predicted_is_left_out_as_scikit_learn_does():
    scores = np.eye(4, dtype="float32")[[0, 0, 1, 3, 0]]
    truth = np.array([0, 1, 1, 0, 0])
    # Class 2 is in neither; class 3 is predicted only, and counts as 0.
    expected = f1_score(truth, scores.argmax(1), average="macro")
    assert expected == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert filled(MacroF1(4), truth, scores) == pytest.approx(expected, rel=1e-6)


def test_zero_before_any_sample_and_no_number_after_a_wrong_one():
    metric = MacroF1(4)
    assert float(metric.result()) == 0
    metric.update_state([4], np.eye(4)[:1])
    assert np.isnan(float(metric.result()))


def test_all_metrics_of_classes_in_a_model(tmp_path):
    truth, scores = samples(4, 21)
    metrics = [MacroF1(4), F1(3, 4), Sensitivity(0, 4), Specificity(2, 4)]
    assert [metric.name for metric in metrics] == ["macro_f1", "f1_3", "sensitivity_0", "specificity_2"]
    check(metrics, truth, np.log(scores), "softmax", tmp_path)
    truth, scores = samples(2, 21)
    metrics = [MacroF1(threshold=0.4), F1(0, threshold=0.4, name="healthy"), Sensitivity(), Specificity()]
    check(metrics, truth, np.log(scores[:, 1:] / scores[:, :1]), "sigmoid", tmp_path)


def test_a_matrix_too_comes_out_of_evaluate():
    truth, scores = samples(3, 9)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Activation("linear")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[ConfusionMatrix(3)])
    found = model.evaluate(scores, truth, batch_size=4, verbose=0, return_dict=True)["confusion_matrix"]
    np.testing.assert_array_equal(found, filled(ConfusionMatrix(3), truth, scores))
