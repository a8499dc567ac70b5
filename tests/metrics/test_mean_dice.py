import numpy as np
import pytest

from tests.metrics.fit_check import check
from tests.metrics.test_confusion_matrix import filled
from tests.parity import report
from tfcovid.metrics import MeanDice


def samples(shape, seed=0):
    """Labels and scores `(samples, ..., labels)`; the first sample has nothing but background."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, shape[-1], shape[:-1])
    truth[0] = 0
    return truth, generator.dirichlet(np.ones(shape[-1]), shape[:-1]).astype("float32")


def dice(truth, decision, label, known=True):
    truth, decision = (truth == label) & known, (decision == label) & known
    size = truth.sum() + decision.sum()
    return 2 * (truth & decision).sum() / size if size else np.nan


@pytest.mark.parametrize("shape", [(5, 6, 7, 3), (5, 4, 3, 2, 4)])
def test_the_mean_over_samples_then_over_labels(shape):
    truth, scores = samples(shape)
    decision = scores.argmax(-1)
    each = np.array([[dice(t, d, label) for label in (1, 2)] for t, d in zip(truth, decision, strict=True)])
    for y_true in (truth, truth[..., None], truth.astype("uint8"), np.eye(shape[-1])[truth]):
        assert filled(MeanDice(2), y_true, scores, batch=2) == pytest.approx(each[:, 1].mean(), rel=1e-5)
    assert filled(MeanDice((1, 2)), truth, scores, batch=2) == pytest.approx(each.mean(0).mean(), rel=1e-5)
    # It is not the Dice of all voxels pooled.
    assert abs(filled(MeanDice(2), truth, scores) - dice(truth, decision, 2)) > 0.01


def test_one_sigmoid_channel_is_label_one_above_the_threshold():
    truth = np.array([[[1, 1, 0, 0]]])
    scores = np.array([[[[0.6], [0.5], [0.7], [0.2]]]], "float32")
    for y_true in (truth, truth[..., None], truth.astype(bool)):
        assert filled(MeanDice(), y_true, scores) == pytest.approx(2 * 1 / 4)
        assert filled(MeanDice(0), y_true, scores) == pytest.approx(2 * 1 / 4)
        assert filled(MeanDice(threshold=0.45), y_true, scores) == pytest.approx(2 * 2 / 5)


def test_unlabelled_voxels_are_not_looked_at():
    truth, scores = samples((3, 6, 7, 3))
    truth[:, 2:5] = 255
    decision = scores.argmax(-1)
    expected = np.mean([dice(t, d, 1, t != 255) for t, d in zip(truth, decision, strict=True)])
    assert filled(MeanDice(), truth, scores, batch=2) == pytest.approx(expected, rel=1e-5)
    one_hot = np.where((truth == 255)[..., None], 255, np.eye(3)[np.minimum(truth, 2)])
    assert filled(MeanDice(), one_hot, scores, batch=2) == pytest.approx(expected, rel=1e-5)
    # Without an ignored label they are voxels without label 1.
    expected = np.mean([dice(t, d, 1) for t, d in zip(truth, decision, strict=True)])
    assert filled(MeanDice(ignore_label=None), truth, scores, batch=2) == pytest.approx(expected, rel=1e-5)


def test_a_sample_without_the_label_in_truth_and_decision_is_left_out_or_one():
    #  both empty, truth alone, decision alone, half right, nothing labelled
    truth = np.array([[[0, 0]], [[1, 0]], [[0, 0]], [[1, 1]], [[255, 255]]])
    scores = np.array([[[0, 0]], [[0, 0]], [[1, 0]], [[1, 0]], [[0, 0]]], "float32")[..., None]
    half = 2 * 1 / 3
    assert filled(MeanDice(), truth, scores, batch=2) == pytest.approx((0 + 0 + half) / 3)
    assert filled(MeanDice(both_empty="one"), truth, scores, batch=2) == pytest.approx((1 + 0 + 0 + half) / 4)


def test_a_label_no_sample_counts_for_is_left_out_of_the_mean():
    truth, scores = np.array([[[0, 1]]]), np.eye(4, dtype="float32")[[[[0, 1]]]]
    assert filled(MeanDice((1, 3)), truth, scores) == 1
    assert filled(MeanDice(3), truth, scores) == 0
    assert filled(MeanDice((1, 3), both_empty="one"), truth, scores) == 1


def test_a_sample_counts_as_many_times_as_its_weight():
    truth, scores = samples((4, 6, 7, 3))
    each = [dice(*one, 1) for one in zip(truth, scores.argmax(-1), strict=True)]
    weight = np.array([0.5, 2, 0, 1])
    assert filled(MeanDice(), truth, scores, weight, batch=3) == pytest.approx(
        np.average(each, weights=weight), rel=1e-5
    )
    with pytest.raises(ValueError, match="one weight a sample"):
        MeanDice().update_state(truth, scores, np.ones(truth.shape))


def test_reset_forgets():
    truth, scores = samples((4, 6, 7, 3))
    metric = MeanDice()
    first = filled(metric, truth, scores)
    metric.reset_state()
    assert float(metric.result()) == 0
    assert filled(metric, truth, scores) == first


def test_counts_of_more_voxels_than_half_precision_holds():
    ones = np.ones((1, 300, 300, 1), "float16")
    assert filled(MeanDice(), ones[..., 0], ones) == 1


def test_what_does_not_fit_is_refused():
    for shape in ((2, 4, 1), (2, 4, 4, 2), (2, 3, 4), (4, 4)):
        with pytest.raises(ValueError, match=r"same grid. Received: y_true.shape="):
            MeanDice().update_state(np.zeros(shape), np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match=r"0 to 1 apart. Received: labels=\(2,\)"):
        MeanDice(2).update_state(np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 1)))
    for labels in ((), -1, (1, 1)):
        with pytest.raises(ValueError, match="Received: labels="):
            MeanDice(labels)
    with pytest.raises(ValueError, match="both_empty='zero'"):
        MeanDice(both_empty="zero")


def test_in_a_model(tmp_path):
    truth, scores = samples((5, 3, 2, 2, 4))
    metrics = [MeanDice((1, 2, 3)), MeanDice(2, both_empty="one"), MeanDice(3, "one", None, 0.25, "lesion")]
    assert [metric.name for metric in metrics] == ["dice_1_2_3", "dice_2", "lesion"]
    check(metrics, truth, np.log(scores), "softmax", tmp_path)


@pytest.mark.parametrize("both_empty", ["left_out", "one"])
def test_equals_monai_dice_metric(both_empty):
    # MONAI leaves a sample out wherever the truth is empty, whatever was predicted, unless told ignore_empty=False,
    # which is "one". So the samples here all have all labels in the truth for "left_out".
    torch, metrics = pytest.importorskip("torch"), pytest.importorskip("monai.metrics")
    truth, scores = samples((6, 8, 6, 4, 3))
    if both_empty == "left_out":
        truth[0] = truth[1]
    else:
        scores[0, ..., 0] = 1
    peer = metrics.DiceMetric(include_background=False, reduction="mean_batch", ignore_empty=both_empty == "left_out")
    one_hot = (np.moveaxis(np.eye(3)[array], -1, 1) for array in (scores.argmax(-1), truth))
    peer(*(torch.tensor(array.copy()) for array in one_hot))
    expected = peer.aggregate().numpy()
    found = np.array([filled(MeanDice(label, both_empty), truth, scores, batch=4) for label in (1, 2)])
    report(f"MeanDice, {both_empty}", "MONAI DiceMetric", found, expected)
    np.testing.assert_allclose(found, expected, atol=1e-6)
