import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tfcovid import InputError
from tfcovid.layers import CoarseDropout, DropPath, EfficientChannelAttention, ScaledStandardizedConv2D
from tfcovid.networks import EcaNfnetVariant, eca_nfnet, embedding

# Every kind of block: with and without a convolutional shortcut, of stride 1 and 2, one group and two.
TINY = EcaNfnetVariant((1, 2, 1, 1), features=24, widths=(16, 16, 32, 32), stem=16, group=4)
SHAPE = (48, 64, 1)


def tiny(classes=2, input_shape=SHAPE, **options):
    return eca_nfnet(classes, input_shape, TINY, **options)


def awake(network):
    """The network with gains off zero: at the start they keep every branch silent, and gradients out of it."""
    for layer in network.layers:
        if isinstance(layer, ScaledStandardizedConv2D):
            kernel, gain, bias = layer.get_weights()
            generator = np.random.default_rng(0)
            layer.set_weights([kernel, generator.uniform(0.7, 1.3, gain.shape), generator.normal(0, 0.1, bias.shape)])
    return network


def without_memory(*args, **options):
    """Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all."""
    with keras.StatelessScope(initialize_variables=False):
        network = eca_nfnet(*args, **options)
    keras.utils.clear_session()
    return network


@pytest.fixture
def slices():
    return np.random.default_rng(0).uniform(size=(3, *SHAPE)).astype("float32")


@pytest.mark.parametrize(
    ("variant", "classes", "weights", "pooled"),
    [
        ("eca_nfnet_l0", 1000, 24_143_924, 2304),
        ("eca_nfnet_l0", 1, 21_841_229, 2304),
        ("eca_nfnet_l1", 1000, 41_407_728, 3072),
        ("eca_nfnet_l2", 1000, 56_722_348, 3072),
    ],
)
def test_count_of_weights(variant, classes, weights, pooled):
    network = without_memory(classes, variant=variant)
    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == weights
    assert embedding(network).output.shape == (None, pooled)


def test_convolutions_of_l0():
    network = without_memory(2)
    convolutions = {layer.name: layer for layer in network.layers if isinstance(layer, ScaledStandardizedConv2D)}
    assert len(convolutions) == 57
    gamma = convolutions["stem_conv1"].gamma
    # One over the standard deviation of the SiLU of a standard normal variable, which was published from samples.
    z = np.linspace(-12, 12, 100_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    silu = z / (1 + np.exp(-z))
    assert gamma == pytest.approx(((silu**2 * density).sum() - (silu * density).sum() ** 2) ** -0.5, rel=1e-3)
    # What timm multiplies the input of each block by.
    betas = [1, 0.98058, 0.98058, 0.96225, 0.98058, 0.96225, 0.94491, 0.92848, 0.91287, 0.89803, 0.98058, 0.96225]
    blocks = [f"stage{stage}_block{i + 1}" for stage, count in enumerate((1, 2, 6, 3), 1) for i in range(count)]
    found = [convolutions[f"{block}_conv1"].gamma / gamma for block in blocks]
    np.testing.assert_allclose(found, betas, atol=1e-5)
    others = [layer.gamma for name, layer in convolutions.items() if name.endswith(("_conv2", "_conv2b", "_conv3"))]
    assert others == [gamma] * len(others)
    for stage, groups in enumerate((1, 2, 6, 6), 1):
        block = f"stage{stage}_block1"
        assert convolutions[f"{block}_shortcut"].gamma == convolutions[f"{block}_conv1"].gamma
        assert convolutions[f"{block}_conv2"].groups == convolutions[f"{block}_conv2b"].groups == groups
    scales = [layer.scale for layer in network.layers if isinstance(layer, EfficientChannelAttention)]
    assert scales == pytest.approx([0.2 * 2] * 12)


def test_branches_are_silent_at_the_start(slices):
    """So that the output of a block without a convolutional shortcut is its input."""
    network = tiny()
    before, after = (network.get_layer(f"stage2_block{i}_add").output for i in (1, 2))
    before, after = keras.Model(network.input, [before, after])(slices)
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (before, after)))


def test_one_channel_is_three_times_the_same(slices):
    grey = awake(tiny())
    colour = tiny(input_shape=(None, None, 3))
    colour.set_weights(grey.get_weights())
    found, expected = (keras.ops.convert_to_numpy(x) for x in (grey(slices), colour(np.repeat(slices, 3, axis=-1))))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_weights_of_another_task_and_of_other_channels(slices, tmp_path):
    """Five neighbouring slices that all show the same are, behind the stem, what the red, green and blue one was."""
    source = awake(tiny(4, (48, 64, 3)))
    source.save(tmp_path / "source.keras")
    stack = tiny(2, (48, 64, 5), weights=str(tmp_path / "source.keras"))
    scaled = np.random.default_rng(1).normal(size=(2, 48, 64, 1)).astype("float32")
    found, expected = (
        keras.ops.convert_to_numpy(keras.Sequential(network.layers[2:4])(np.repeat(scaled, channels, axis=-1)))
        for network, channels in ((stack, 5), (source, 3))
    )
    assert [layer.name for layer in stack.layers[2:4]] == ["stem_conv1_pad", "stem_conv1"]
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for name in ("stem_conv2", "stage4_block1_conv3", "final_conv"):
        for one, other in zip(stack.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_drop_path_rises_over_the_blocks_and_coarse_dropout_lies_behind_the_stem(slices):
    keras.utils.set_random_seed(0)
    network = awake(tiny(drop_path=0.2, coarse_dropout=1.0))
    rates = [layer.rate for layer in network.layers if isinstance(layer, DropPath)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2])
    assert not any(isinstance(layer, DropPath | CoarseDropout) for layer in tiny().layers)
    before, after = (network.get_layer(name) for name in ("stem_conv4", "coarse_dropout"))
    before, after = keras.Model(network.input, [before.output, after.output])(slices, training=True)
    before, after = keras.ops.convert_to_numpy(before), keras.ops.convert_to_numpy(after)
    assert before.shape == (3, 12, 16, 16)
    # 8 holes of one place each; where they are, all channels are zero.
    holes = (after == 0).all(axis=-1)
    assert set(holes.sum(axis=(1, 2))) <= {*range(1, 9)}
    np.testing.assert_array_equal(after[~holes], before[~holes])
    calm = tiny()
    for layer in calm.layers:
        layer.set_weights(network.get_layer(layer.name).get_weights() if layer.weights else [])
    np.testing.assert_allclose(
        *(keras.ops.convert_to_numpy(one(slices, training=False)) for one in (network, calm)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"variant": "eca_nfnet_l9"}, ValueError, r"Did you mean 'eca_nfnet_l.'\?.*Received: variant='eca_nfnet_l9'"),
        ({"input_shape": (64, 64)}, ValueError, r"channels a number.*Received: input_shape=\(64, 64\)"),
        ({"classes": 0}, ValueError, "from 1 up.*Received: classes=0"),
        ({"weights": "imagenet"}, InputError, "eca_nfnet has no published weights.*Received: weights='imagenet'"),
    ],
)
def test_refusals_name_the_fix(change, error, says):
    with pytest.raises(error, match=says):
        eca_nfnet(**{"classes": 2, "input_shape": SHAPE, "variant": TINY} | change)


def test_shared_check(tmp_path):
    slices = np.random.default_rng(0).uniform(size=(2, 33, 40, 1)).astype("float32")
    options = {"dropout": 0.2, "drop_path": 0.2, "coarse_dropout": 0.2}
    check(lambda: awake(tiny(4, (33, 40, 1), **options)), slices, tmp_path, tflite=True)
