import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from tfcovid.layers import ClickGuidance
from tfcovid.losses import DiceCrossEntropy
from tfcovid.networks import unet3d
from tfcovid.networks.unet3d import UNet3DVariant
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import window
from tfcovid.training.simulated_clicks import SimulatedClicks, draw_voxel

SHAPE = (4, 6, 7)


def array(tensor):
    return ops.convert_to_numpy(tensor)


def calls(area, labels=2):
    """A network of one opinion: label 1 in `area`, whatever it is shown."""

    def network(volume, training):
        assert volume.shape[1:] == (*SHAPE, 3) and not training
        called = ops.broadcast_to(ops.convert_to_tensor(area, "float32")[None], (volume.shape[0], *area.shape))
        return called[..., None] if labels == 1 else ops.stack([1 - called, called], axis=-1)

    return network


def box(*slices):
    area = np.zeros(SHAPE, bool)
    area[slices] = True
    return area


def clicked(network, labels, batch=200, **settings):
    """Clicks of a training step on a batch of the same sample."""
    layer = SimulatedClicks(network, 1, **{"unattended": 0, "seed": 3, **settings})
    labels = np.broadcast_to(np.asarray(labels, "uint8"), (batch, *SHAPE))[..., None]
    return array(layer(np.zeros((batch, *SHAPE, 1), "float32"), labels, np.ones((batch, 3)), training=True))


def places(clicks):
    """The clicks that are there as an index."""
    return tuple(clicks[(clicks > -1).all(-1)].astype(int).T)


def test_a_voxel_is_drawn_by_its_distance_to_the_border():
    """Against scipy's chessboard distance; an area cut off by the volume's edge goes on beyond it."""
    area = box(slice(0, 3), slice(0, 5), slice(1, 7)) & ~box(1, 3, 4)
    weight = np.exp(ndimage.distance_transform_cdt(area)) - 1.0
    many = 40_000
    luck = np.random.default_rng(0).random((many, sum(SHAPE))).astype("float32")
    drawn = array(draw_voxel(ops.broadcast_to(area, (many, *SHAPE)), luck)).astype(int)
    counts = np.zeros(SHAPE)
    np.add.at(counts, tuple(drawn.T), 1)
    expected = many * weight / weight.sum()
    assert not counts[~area].any()
    assert np.max(np.abs(counts - expected)[area] / np.sqrt(expected[area])) < 4.5


def test_an_area_deeper_than_is_counted():
    side = 80
    luck = np.full((1, 3 * side), 0.5, "float32")
    place = array(draw_voxel(ops.pad(ops.ones((1, *[side - 4] * 3), bool), [(0, 0), *[(2, 2)] * 3]), luck))[0]
    assert ((place >= 2) & (place < side - 2)).all()


def test_the_first_click_is_on_the_label_and_each_correction_in_the_larger_error():
    truth, called = box(slice(0, 2)), box(slice(1, 2)) | box(3, slice(0, 2))
    clicks = clicked(calls(called), truth)
    assert truth[places(clicks[:, 0, 0])].all() and (clicks[:, 0, 0] > -1).all() and (clicks[:, 1] == -1).all()
    # 42 voxels are missed, 14 are too many: corrections are positive, and on what is missed.
    assert (truth & ~called)[places(clicks[:, 0, 1:])].all()

    clicks = clicked(calls(~truth), box(0, slice(0, 3)))
    assert box(0, slice(0, 3))[places(clicks[:, 0, 0])].all() and (clicks[:, 0, 1:] == -1).all()
    assert (~truth)[places(clicks[:, 1])].all() and len(places(clicks[:, 1])[0]) > 200


@pytest.mark.parametrize("clicks", [1, 2, 5])
def test_the_nth_correction_has_the_probability_one_less_n_of_all(clicks):
    found = clicked(calls(box(0)), box(2), batch=4000, clicks=clicks)
    assert found.shape == (4000, 2, clicks, 3)
    corrections = (found[..., 0] > -1).sum((1, 2)) - 1
    chance = 1 - np.arange(1, clicks) / clicks
    assert corrections.mean() == pytest.approx(chance.sum(), abs=0.06)
    assert corrections.var() == pytest.approx((chance * (1 - chance)).sum(), abs=0.06)


def test_no_click_where_nothing_is_wrong_or_known():
    truth = box(slice(1, 3), slice(2, 4))
    assert len(places(clicked(calls(truth), truth))[0]) == 200  # the first of each sample
    assert (clicked(calls(truth), np.where(truth, 255, 0)) == -1).all()
    assert (clicked(calls(truth), np.zeros(SHAPE))[:, 0] == -1).all()
    assert truth[places(clicked(calls(truth), np.zeros(SHAPE))[:, 1])].all()


def test_labels_besides_the_one_that_is_clicked_are_background():
    lungs = np.where(box(0), 2, 1)
    assert (~box(0))[places(clicked(calls(~box(0)), lungs))].all()
    assert box(0)[places(clicked(calls(np.ones(SHAPE, bool)), lungs)[:, 1])].all()


def test_a_network_of_one_channel_says_yes_above_a_half():
    np.testing.assert_array_equal(clicked(calls(box(0), 1), box(2)), clicked(calls(box(0)), box(2)))


def test_a_network_without_padding_is_corrected_where_it_sees():
    inner = np.zeros((2, 2, 3), bool)
    clicks = clicked(calls(inner), np.ones(SHAPE))
    seen = box(slice(1, 3), slice(2, 4), slice(2, 5))
    assert seen[places(clicks[:, 0, 1:])].all()
    assert not seen[places(clicks[:, 0, 0])].all()


def test_the_network_is_shown_the_clicks_so_far_in_mm():
    """It learns the whole truth from a click near the first row: then nothing is left to correct."""
    shown = []

    def network(volume, training):
        shown.append(array(volume))
        return ops.stack([volume[..., 0] * 0 + 0.5, volume[..., 1]], axis=-1)

    layer = SimulatedClicks(network, 1, clicks=5, unattended=0, sigma=2.0, seed=0)
    labels, spacing = np.ones((3, *SHAPE, 1), "uint8"), np.float32([[5, 0.7, 0.7], [1, 1, 1], [2, 1, 3]])
    ct = np.random.default_rng(0).random((3, *SHAPE, 1)).astype("float32")
    clicks = array(layer(ct, labels, spacing, training=True))
    for turn, volume in enumerate(shown, 1):
        so_far = clicks.copy()
        so_far[:, :, turn:] = -1
        np.testing.assert_array_equal(volume[..., :1], ct)
        np.testing.assert_allclose(volume[..., 1:], ClickGuidance(2.0, False)(ct, so_far, spacing), atol=1e-6)
    assert len(shown) == (clicks[:, 0, 1:, 0] > -1).sum(-1).max()  # no more passes than there are corrections


def test_a_share_of_the_steps_is_unattended_and_costs_no_pass():
    passes = []

    def network(volume, training):
        passes.append(1)
        return calls(box(0))(volume, training)

    layer = SimulatedClicks(network, 1, clicks=2, unattended=0.7, seed=1)
    sample = np.zeros((16, *SHAPE, 1), "float32"), np.ones((16, *SHAPE, 1), "uint8"), np.ones((16, 3))
    attended = [(array(layer(*sample, training=True)) > -1).any() for _ in range(60)]
    assert sum(attended) == pytest.approx(18, abs=7)
    assert len(passes) == sum(attended)  # one of 16 samples is sure to ask for a correction


def test_outside_training_there_are_no_clicks():
    sample = np.zeros((2, *SHAPE, 1)), np.ones((2, *SHAPE, 1), "uint8"), np.ones((2, 3))
    np.testing.assert_array_equal(array(SimulatedClicks(None, 1, clicks=4)(*sample)), np.full((2, 2, 4, 3), -1))


@pytest.mark.parametrize(("name", "value"), [("clicks", 0), ("unattended", 1.1)])
def test_settings_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"Received: .*{name}={value}"):
        SimulatedClicks(None, 1, **{name: value})


@pytest.fixture(scope="module")
def patches():
    scans = [make_phantom("covid", seed=seed, shape=(8, 32, 32), severity=1.0) for seed in range(4)]
    labels = np.stack([np.where(scan.lesions > 0, 1, 0) for scan in scans]).astype("uint8")
    labels[:, :2] = 255
    ct = np.stack([window(scan.hu, -600, 1500) for scan in scans])
    return ct[..., None], labels[..., None], np.float32([scan.spacing for scan in scans])


def training_graph(**settings):
    keras.utils.set_random_seed(0)
    ct, labels = (
        keras.Input((8, 32, 32, 1), name=name, dtype=kind) for name, kind in (("ct", None), ("labels", "uint8"))
    )
    spacing = keras.Input((3,), name="spacing")
    network = unet3d(2, (8, 32, 32, 3), UNet3DVariant((4, 8)))
    clicks = SimulatedClicks(network, 1, seed=7, **settings)(ct, labels, spacing)
    guidance = ClickGuidance(6.0, normalise=False)(ct, clicks, spacing)
    mask = network(keras.layers.Concatenate()([ct, guidance]))
    return keras.Model([ct, labels, spacing], mask), network


def fit(model, patches):
    return model.fit(list(patches), patches[1], batch_size=2, epochs=8, verbose=0, shuffle=False).history["loss"]


def compiled(**settings):
    model, _ = training_graph(**settings)
    model.compile(keras.optimizers.SGD(0.2), DiceCrossEntropy(), jit_compile=False)
    return model


def test_fit_learns_and_gives_the_same_from_the_same_state(patches):
    model = compiled()
    start = [variable.numpy() for variable in model.variables]
    assert any(variable.path.endswith("seed_generator_state") for variable in model.variables)
    losses, weights = fit(model, patches), model.get_weights()
    assert losses[-1] < 0.75 * losses[0]
    for variable, value in zip(model.variables, start, strict=True):
        variable.assign(value)
    assert fit(model, patches) == losses
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_count_once_and_come_back_from_a_file(patches, tmp_path):
    model, network = training_graph()
    assert [weight.path for weight in model.weights] == [weight.path for weight in network.weights]
    own = {id(variable) for variable in network.variables}
    (seeds,) = (variable for variable in model.variables if id(variable) not in own)
    assert seeds.path.endswith("seed_generator_state")
    model.save_weights(tmp_path / "model.weights.h5")
    expected = model.predict(list(patches), verbose=0)
    for weight in network.weights:
        weight.assign(ops.zeros_like(weight))
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.predict(list(patches), verbose=0), expected)


def test_simulation_moves_no_running_mean_and_no_gradient(patches):
    import tensorflow as tf

    model, network = training_graph(unattended=0)
    layer = next(one for one in model.layers if isinstance(one, SimulatedClicks))
    before = network.get_weights()
    with tf.GradientTape() as tape:
        total = tf.function(lambda: tf.reduce_sum(layer(*patches, training=True)))()
    assert float(total) > -4 * 2 * 5 * 3
    assert tape.gradient(total, [one.value for one in network.trainable_weights]) == [None] * len(
        network.trainable_weights
    )
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_fit_in_half_precision_keeps_whole_voxels(patches):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = compiled(unattended=0)
        losses = fit(model, patches)
        layer = next(one for one in model.layers if isinstance(one, SimulatedClicks))
        clicks = array(layer(*patches, training=True))
    finally:
        keras.config.set_dtype_policy(before)
    assert losses[-1] < 0.75 * losses[0]
    assert clicks.dtype == "float32" and (clicks == np.round(clicks)).all() and clicks.max() > 20
