import keras
import numpy as np
import pytest

from tests.losses.gradient import gradient
from tests.parity import report
from tfcovid.losses import DiceCrossEntropy


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def reference(labels, logits, include_background=False, epsilon=1.0):
    """Dice loss and cross-entropy of one sample without unlabelled voxels, in float64."""
    channels = logits.shape[-1]
    probability = softmax(np.asarray(logits, "float64")).reshape(-1, channels)
    truth = np.eye(channels)[labels.reshape(-1)]
    dice = (2 * (probability * truth).sum(0) + epsilon) / (probability.sum(0) + truth.sum(0) + epsilon)
    cross_entropy = -np.log((probability * truth).sum(-1)).mean()
    return 1 - dice[0 if include_background else 1 :].mean(), cross_entropy


def sample(shape, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, shape[-1], shape[:-1]), generator.normal(size=shape).astype("float32")


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("shape", [(3, 5, 4, 2), (2, 4, 3, 2, 4)])
def test_equals_the_formula_from_logits_and_from_probabilities(shape, background):
    labels, logits = sample(shape)
    parts = np.array([reference(*one, background) for one in zip(labels, logits, strict=True)])
    for y_true in (labels, labels[..., None], np.eye(shape[-1])[labels]):
        for weights in ((1, 1), (0.25, 2)):
            named = dict(zip(("dice_weight", "cross_entropy_weight"), weights, strict=True))
            for from_logits, y_pred in ((True, logits), (False, softmax(logits))):
                loss = DiceCrossEntropy(from_logits, background, reduction="none", **named)
                np.testing.assert_allclose(loss(y_true, y_pred), parts @ weights, rtol=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
def test_one_sigmoid_channel_is_a_softmax_of_two(from_logits):
    labels, logits = sample((2, 5, 4, 2))
    one = logits[..., 1:] - logits[..., :1]
    two = logits if from_logits else softmax(logits)
    one = one if from_logits else 1 / (1 + np.exp(-one))
    loss = DiceCrossEntropy(from_logits)
    assert float(loss(labels, one)) == pytest.approx(float(loss(labels, two)), rel=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("rubbish", [1e30, np.inf, np.nan])
def test_what_is_predicted_at_unlabelled_voxels_changes_nothing(from_logits, rubbish):
    labels, logits = sample((2, 4, 6, 3))
    part = labels[:, :, :4], logits[:, :, :4]
    expected = np.mean([sum(reference(*one)) for one in zip(*part, strict=True)])
    y_pred = logits if from_logits else softmax(logits)
    labels[:, :, 4:] = 255
    y_pred[:, :, 4:] = rubbish
    loss = DiceCrossEntropy(from_logits)
    assert float(loss(labels, y_pred)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("from_logits", [True, False])
def test_unlabelled_voxels_have_no_gradient_and_all_others_have(from_logits):
    labels, logits = sample((2, 4, 6, 3))
    labels[:, 1:3, ::2] = 255
    y_pred = logits if from_logits else softmax(logits)
    for dice_weight, cross_entropy_weight in ((1, 0), (0, 1), (1, 1)):
        weights = {"dice_weight": dice_weight, "cross_entropy_weight": cross_entropy_weight}
        slope = gradient(DiceCrossEntropy(from_logits, **weights), labels, y_pred)
        assert np.isfinite(slope).all()
        assert (slope[labels == 255] == 0).all()
        assert (np.abs(slope[labels != 255]).max(-1) > 0).all()


@pytest.mark.parametrize("from_logits", [True, False])
def test_a_sample_without_labelled_voxels_has_no_loss_and_no_gradient(from_logits):
    labels, logits = sample((2, 4, 6, 3))
    labels[1] = 255
    y_pred = logits if from_logits else softmax(logits)
    losses = keras.ops.convert_to_numpy(DiceCrossEntropy(from_logits, reduction="none")(labels, y_pred))
    assert losses[1] == 0
    assert losses[0] == pytest.approx(sum(reference(labels[0], logits[0])), rel=1e-5)
    slope = gradient(DiceCrossEntropy(from_logits), labels, y_pred)
    assert np.isfinite(slope).all()
    assert (slope[1] == 0).all()


@pytest.mark.parametrize("background", [False, True])
def test_the_gradient_is_that_of_the_formula(background):
    labels, logits = sample((2, 2, 3, 3))
    found = gradient(DiceCrossEntropy(True, background), labels, logits)
    for place in np.ndindex(logits.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = logits.astype("float64")
            moved[place] += step
            sides.append(np.mean([sum(reference(*one, background)) for one in zip(labels, moved, strict=True)]))
        assert found[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-3, abs=1e-6)


def test_a_label_the_sample_lacks_still_pulls_false_positives_down():
    # keras.losses.Dice gives exactly no gradient here.
    prediction = np.full((1, 8, 8, 1), 0.5, "float32")
    loss = DiceCrossEntropy(cross_entropy_weight=0)
    assert (gradient(loss, np.zeros((1, 8, 8)), prediction) > 1e-4).all()


def test_a_sample_weighs_what_its_weight_says():
    labels, logits = sample((2, 4, 4, 3))
    each = [sum(reference(*one)) for one in zip(labels, logits, strict=True)]
    loss = DiceCrossEntropy(from_logits=True)
    assert float(loss(labels, logits, [0.5, 2])) == pytest.approx((0.5 * each[0] + 2 * each[1]) / 2, rel=1e-5)
    with pytest.raises(ValueError, match="one weight a sample"):
        loss(labels, logits, np.ones((2, 4, 4)))


def test_a_label_without_a_channel_gives_no_number():
    labels, logits = sample((1, 4, 4, 3))
    labels[0, 0, 0] = 3
    assert np.isnan(float(DiceCrossEntropy(from_logits=True)(labels, logits)))


def test_half_precision_logits_are_summed_in_float32():
    # 70,000 voxels: their sum is infinite in float16.
    logits = np.zeros((1, 250, 280, 2), "float16")
    expected = 1 - (70000 + 1) / (35000 + 70000 + 1) + np.log(2)
    assert float(DiceCrossEntropy(True)(np.ones((1, 250, 280)), logits)) == pytest.approx(expected, rel=1e-4)


def test_logits_however_large_give_a_finite_loss_and_gradient():
    labels, logits = sample((1, 3, 3, 2))
    assert np.isfinite(float(DiceCrossEntropy(True)(labels, logits * 1e4)))
    assert np.isfinite(gradient(DiceCrossEntropy(True), labels, logits * 1e4)).all()


def test_arguments_out_of_range_are_refused():
    for arguments in ({"dice_weight": -1}, {"dice_weight": 0, "cross_entropy_weight": 0}, {"epsilon": 0}):
        with pytest.raises(ValueError, match="Received: "):
            DiceCrossEntropy(**arguments)


@pytest.mark.parametrize("background", [False, True])
def test_equals_monai_dice_ce_where_all_is_labelled(background):
    # MONAI's cross-entropy is the mean over all voxels of the batch, here the same. Labels on axis 1.
    torch, losses = pytest.importorskip("torch"), pytest.importorskip("monai.losses")
    labels, logits = sample((3, 8, 6, 4, 3))
    options = {"include_background": background, "to_onehot_y": True, "softmax": True, "smooth_nr": 1, "smooth_dr": 1}
    inputs = torch.tensor(np.moveaxis(logits, -1, 1).copy()), torch.tensor(labels[:, None])
    for peer, weight in ((losses.DiceCELoss, 1), (losses.DiceLoss, 0)):
        ours = DiceCrossEntropy(True, background, cross_entropy_weight=weight)(labels, logits)
        what = f"DiceCrossEntropy, background {background}, cross-entropy {weight}"
        assert report(what, f"MONAI {peer.__name__}", ours, peer(**options)(*inputs).numpy()) < 1e-6


def test_equals_monai_dice_with_an_ignored_label():
    # MONAI's smoothing differs in name only; its DiceCELoss cannot ignore.
    torch, losses = pytest.importorskip("torch"), pytest.importorskip("monai.losses")
    labels, logits = sample((3, 8, 6, 3))
    labels[:, :3] = 255
    labels[2] = 255
    peer = losses.DiceLoss(
        include_background=False, to_onehot_y=True, softmax=True, smooth_nr=1, smooth_dr=1, ignore_index=255
    )
    expected = peer(torch.tensor(np.moveaxis(logits, -1, 1).copy()), torch.tensor(labels[:, None]))
    found = DiceCrossEntropy(True, cross_entropy_weight=0)(labels, logits)
    assert report("DiceCrossEntropy, voxels without label", "MONAI DiceLoss", found, expected.numpy()) < 1e-6


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_trains_and_survives_saving(tmp_path, policy):
    keras.utils.set_random_seed(0)
    voxels = np.random.default_rng(0).uniform(-1, 1, size=(6, 4, 4, 4, 1)).astype("float32")
    masks = (voxels > 0)[..., 0].astype("uint8")
    masks[:, 2] = 255
    loss = DiceCrossEntropy(True, True, 255, 0.5, 2.0, 0.1, name="dce")
    model = keras.Sequential([keras.Input((None, None, None, 1)), keras.layers.Conv3D(2, 1, dtype=policy)])
    model.compile(keras.optimizers.Adam(0.1), loss)
    # A ragged last batch.
    history = model.fit(voxels, masks, batch_size=4, epochs=12, verbose=0, sample_weight=np.ones(6))
    assert history.history["loss"][-1] < 0.6 * history.history["loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()
    score = model.evaluate(voxels, masks, verbose=0)
    assert loaded.evaluate(voxels, masks, verbose=0) == pytest.approx(score, rel=1e-5)
