import keras
import numpy as np
import pytest

from tests.losses.gradient import gradient
from tests.parity import report
from tfcovid.losses import FocalTversky


def paper(truth, prediction, alpha=0.7, beta=0.3, gamma=1.3, epsilon=1.0):
    """One sample, maps `(..., labels)`, in float64."""
    truth, prediction = (np.asarray(one, "float64").reshape(-1, truth.shape[-1]) for one in (truth, prediction))
    hit = (prediction * truth).sum(0)
    missed = ((1 - prediction) * truth).sum(0)
    too_many = (prediction * (1 - truth)).sum(0)
    index = (hit + epsilon) / (hit + alpha * missed + beta * too_many + epsilon)
    return ((1 - index) ** gamma).sum()


def sample(shape, seed=0):
    generator = np.random.default_rng(seed)
    prediction = generator.uniform(size=shape).astype("float32")
    if shape[-1] > 1:
        prediction /= prediction.sum(-1, keepdims=True)
    return generator.integers(0, max(shape[-1], 2), shape[:-1]), prediction


def maps(labels, channels):
    return labels[..., None] if channels == 1 else np.eye(channels)[labels]


def test_alpha_weighs_what_was_missed_and_beta_what_was_too_much():
    # 4 voxels are all there is to miss, then all there is too much.
    ones, zeros = np.ones((1, 2, 2, 1), "float32"), np.zeros((1, 2, 2, 1), "float32")
    loss = FocalTversky(alpha=0.7, beta=0.3, gamma=1.0, epsilon=1.0)
    assert float(loss(ones, zeros)) == pytest.approx(0.7 * 4 / (0.7 * 4 + 1), abs=1e-6)
    assert float(loss(zeros, ones)) == pytest.approx(0.3 * 4 / (0.3 * 4 + 1), abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 5, 4, 1), (3, 5, 4, 3), (3, 4, 3, 2, 1), (3, 4, 3, 2, 2)])
def test_equals_the_formula_sample_by_sample(shape):
    labels, prediction = sample(shape)
    truth = maps(labels, shape[-1])
    expected = [paper(*one) for one in zip(truth, prediction, strict=True)]
    for y_true in (labels, labels[..., None], truth):
        np.testing.assert_allclose(FocalTversky(reduction="none")(y_true, prediction), expected, rtol=1e-5)
    assert float(FocalTversky()(labels, prediction)) == pytest.approx(np.mean(expected), rel=1e-5)
    pooled = paper(truth.reshape(1, -1, shape[-1])[0], prediction.reshape(-1, shape[-1]))
    assert float(FocalTversky(over="batch")(labels, prediction)) == pytest.approx(pooled, rel=1e-5)


def test_a_sample_weighs_what_its_weight_says():
    labels, prediction = sample((2, 4, 4, 1))
    each = [paper(*one) for one in zip(labels[..., None], prediction, strict=True)]
    expected = (0.5 * each[0] + 2 * each[1]) / 2
    for weight in (np.array([0.5, 2]), np.array([[0.5], [2]])):
        assert float(FocalTversky()(labels, prediction, weight)) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="one weight a sample"):
        FocalTversky()(labels, prediction, np.ones((2, 4, 4)))
    with pytest.raises(ValueError, match="over='batch'"):
        FocalTversky(over="batch")(labels, prediction, np.ones(2))


@pytest.mark.parametrize("gamma", [1.0, 1.3, 2.0])
def test_a_perfect_mask_has_no_loss_and_a_finite_gradient(gamma):
    labels = np.random.default_rng(0).integers(0, 2, (1, 7, 9, 1))
    loss = FocalTversky(gamma=gamma)
    assert float(loss(labels, labels.astype("float32"))) == 0
    assert np.isfinite(gradient(loss, labels, labels.astype("float32"))).all()


def test_keeps_its_digits_near_a_perfect_mask():
    labels = np.ones((1, 32, 32, 1))
    prediction = np.full(labels.shape, 1 - 2**-20, "float32")
    assert float(FocalTversky()(labels, prediction)) == pytest.approx(paper(labels[0], prediction[0]), rel=1e-5)


def test_the_gradient_is_that_of_the_formula():
    labels, prediction = sample((2, 3, 2, 1))
    found = gradient(FocalTversky(), labels, prediction)
    for place in np.ndindex(prediction.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = prediction.astype("float64")
            moved[place] += step
            sides.append(np.mean([paper(*one) for one in zip(labels[..., None], moved, strict=True)]))
        assert found[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-3, abs=1e-6)


def test_an_empty_mask_still_pulls_false_positives_down():
    prediction = np.full((1, 8, 8, 1), 0.5, "float32")
    assert (gradient(FocalTversky(), np.zeros((1, 8, 8)), prediction) > 1e-4).all()


def test_unlabelled_voxels_carry_no_loss_and_no_gradient():
    labels, prediction = sample((1, 4, 6, 1))
    labels[:, :, 4:] = 255
    prediction[:, :, 4:] = np.nan
    expected = paper(labels[0, :, :4, None], prediction[0, :, :4])
    assert float(FocalTversky()(labels, prediction)) == pytest.approx(expected, rel=1e-5)
    prediction[:, :, 4:] = 0.5
    slope = gradient(FocalTversky(), labels, prediction)
    assert (slope[:, :, 4:] == 0).all()
    assert (slope[:, :, :4] != 0).all()


def test_a_mask_of_255_that_is_not_meant_as_unlabelled_is_seen():
    assert np.isnan(float(FocalTversky(ignore_label=None)(np.full((1, 2, 2), 255), np.zeros((1, 2, 2, 1)))))


def test_half_precision_predictions_are_summed_in_float32():
    # 70,000 voxels: their sum is infinite in float16.
    ones = np.ones((1, 250, 280, 1), "float16")
    assert float(FocalTversky()(ones, ones)) == 0
    assert float(FocalTversky()(ones, ones / 2)) == pytest.approx((24500 / 59501) ** 1.3, rel=1e-4)


@pytest.mark.parametrize("arguments", [{"gamma": 0.75}, {"alpha": -1}, {"alpha": 0, "beta": 0}, {"epsilon": 0}])
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=rf"Received: .*{next(iter(arguments))}="):
        FocalTversky(**arguments)
    with pytest.raises(ValueError, match="'sample' or 'batch'"):
        FocalTversky(over="image")


def test_equals_keras_tversky_of_the_whole_batch_at_gamma_one():
    # Keras documents its alpha as that of false positives: with the same numbers this would not hold.
    labels, prediction = sample((2, 8, 8, 1))
    ours = FocalTversky(gamma=1.0, epsilon=keras.config.epsilon(), over="batch")(labels, prediction)
    theirs = keras.losses.tversky(labels[..., None], prediction, alpha=0.7, beta=0.3)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


@pytest.mark.parametrize("over", ["sample", "batch"])
def test_equals_monai_tversky_to_the_power_with_its_weights_swapped(over):
    # MONAI: alpha is of false positives, no power, labels on axis 1.
    torch, losses = pytest.importorskip("torch"), pytest.importorskip("monai.losses")
    labels, prediction = sample((3, 8, 6, 4, 3))
    peer = losses.TverskyLoss(alpha=0.3, beta=0.7, reduction="none", smooth_nr=1, smooth_dr=1, batch=over == "batch")
    one, other = (torch.tensor(np.moveaxis(array, -1, 1).copy()) for array in (prediction, maps(labels, 3)))
    expected = (peer(one, other).numpy() ** 1.3).sum(-1)
    found = keras.ops.convert_to_numpy(FocalTversky(over=over, reduction="none")(labels, prediction))
    report(f"FocalTversky, over {over}", "MONAI TverskyLoss to the power", found, expected)
    np.testing.assert_allclose(found, expected.reshape(-1), atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_trains_and_survives_saving(tmp_path, policy):
    keras.utils.set_random_seed(0)
    pixels = np.random.default_rng(0).uniform(-1, 1, size=(6, 8, 8, 1)).astype("float32")
    masks = (pixels > 0)[..., 0].astype("uint8")
    loss = FocalTversky(alpha=0.6, beta=0.4, gamma=1.5, epsilon=0.5, ignore_label=None, name="ft")
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1, dtype=policy)])
    model.add(keras.layers.Activation("sigmoid", dtype=policy))
    model.compile(keras.optimizers.Adam(0.1), loss)
    # A ragged last batch.
    history = model.fit(pixels, masks, batch_size=4, epochs=12, verbose=0, sample_weight=np.ones(6))
    assert history.history["loss"][-1] < 0.6 * history.history["loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()
    score = model.evaluate(pixels, masks, verbose=0)
    assert loaded.evaluate(pixels, masks, verbose=0) == pytest.approx(score, rel=1e-5)
