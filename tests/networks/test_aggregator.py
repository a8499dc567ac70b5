import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tests.networks.timm_models import timm_model, timm_tensors
from tests.parity import report
from tfcovid.errors import InputError
from tfcovid.networks.aggregator import AGGREGATORS, aggregator
from tfcovid.networks.convert.resnet import from_timm
from tfcovid.networks.m3lung_patient import m3lung_patient

COUNTS = (1, 2, 3, 7, 5)
FEATURES = 12
SCORES = ("mean", "max", "nonparametric")
# Kinds that read embeddings, in sizes for a test.
SMALL = {
    "max_features": {},
    "multi_scale": {"heads": 2, "head_size": 4, "scales": (1, 4)},
    "eff_mix_conv_e": {"count": 40, "filters": 36, "backbone": "resnet10_compact"},
    "eff_mix_conv_s": {"count": 34, "filters": 36, "backbone": "resnet10_compact"},
    "transformer": {"width": 16, "heads": 2},
    "lstm": {"units": 4, "depth": 2},
    "conv1d": {"width": 8},
}
each = pytest.mark.parametrize("variant", AGGREGATORS)
each_embedding = pytest.mark.parametrize("variant", SMALL)


def small(variant, classes=3, **options):
    keras.utils.set_random_seed(0)
    features = classes if variant in SCORES else FEATURES
    return aggregator(classes, features, variant, **SMALL.get(variant, {}) | options)


def scans(channels=FEATURES):
    """Scans of very unequal length in one batch, with rubbish behind the last slice of each."""
    features = np.random.default_rng(0).uniform(size=(len(COUNTS), 9, channels)).astype("float32")
    mask = np.arange(9) < np.array(COUNTS)[:, None]
    features[~mask] *= 30
    return {"features": features, "slice_mask": mask}


def alone(features):
    return {"features": features[None], "slice_mask": np.ones((1, len(features)), bool)}


def run(network, inputs):
    return keras.ops.convert_to_numpy(network(inputs))


@each
def test_a_batch_of_unequal_scans_equals_one_by_one(variant):
    network = small(variant)
    batch = scans(network.input["features"].shape[-1])
    together = run(network, batch)
    assert together.shape == (5, 3)
    assert together.dtype == np.float32
    assert np.ptp(together, axis=0).max() > 1e-4, "the scans should differ"
    for found, features, slices in zip(together, batch["features"], COUNTS, strict=True):
        np.testing.assert_allclose(found, run(network, alone(features[:slices]))[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("variant", "options", "ordered"),
    [
        ("mean", {}, False),
        ("max", {}, False),
        ("nonparametric", {}, False),
        ("max_features", {}, False),
        ("multi_scale", {"scales": [1]}, False),
        ("multi_scale", {}, True),
        ("eff_mix_conv_e", {}, True),
        ("eff_mix_conv_s", {}, True),
        ("transformer", {}, True),
        ("lstm", {}, True),
        ("conv1d", {}, True),
    ],
)
def test_which_kinds_know_the_order_of_slices(variant, options, ordered):
    network = small(variant, **options)
    features = scans(network.input["features"].shape[-1])["features"][3, :7]
    away = np.abs(run(network, alone(features)) - run(network, alone(features[::-1]))).max()
    assert away > 1e-4 if ordered else away < 1e-6


def test_mean_and_max_of_the_scores():
    scores = np.float32([[[0.25, 0.75], [0.75, 0.25], [0.5, 0.5]], [[0.125, 0.875], [9, 9], [9, 9]]])
    inputs = {"features": scores, "slice_mask": np.array([[True, True, True], [True, False, False]])}
    np.testing.assert_allclose(run(aggregator(2, 2, "mean"), inputs), [[0.5, 0.5], [0.125, 0.875]])
    np.testing.assert_allclose(run(aggregator(2, 2, "max"), inputs), [[0.75, 0.75], [0.125, 0.875]])


def test_nonparametric_overrules_the_shares():
    """Half of the slices healthy, no more: the disease that most of the others show."""
    called = np.eye(4, dtype="float32")[[0, 0, 0, 3, 3, 1]]
    assert run(aggregator(4, 4, "nonparametric"), alone(called)).argmax() == 3
    assert run(aggregator(4, 4, "nonparametric", threshold=0.4), alone(called)).argmax() == 0
    without_lesion = np.repeat(np.float32([[1, 0]]), 6, axis=0)
    joined = alone(np.concatenate([called, without_lesion], axis=-1))
    np.testing.assert_allclose(run(aggregator(4, 6, "nonparametric"), joined), [[1, 0, 0, 0]])


@pytest.mark.parametrize("kind", ["max", "multi_scale"])
def test_equals_the_patient_network_of_m3lung(kind):
    reference = m3lung_patient(3, FEATURES, kind, heads=2, head_size=4, activation="tanh")
    options = {"heads": 2, "head_size": 4, "reduction_activation": "tanh"} if kind == "multi_scale" else {}
    network = aggregator(3, FEATURES, "max_features" if kind == "max" else kind, **options)
    network.set_weights(reference.get_weights())
    np.testing.assert_allclose(run(network, scans()), run(reference, scans()), rtol=1e-5)


@pytest.mark.parametrize("axis", ["e", "s"])
def test_eff_mix_conv_equals_the_public_definition(axis):
    """Conv1d with kernel 1, the map three times, timm's ResNet-18: parity with PyTorch."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    channels = {"e": 224, "s": 100}[axis]
    mix, backbone = torch.nn.Conv1d(channels, 100, kernel_size=1), timm_model("resnet18", num_classes=2)
    features = np.random.default_rng(0).normal(size=(2, 100, 224)).astype("float32")
    with torch.no_grad():
        # PyTorch's channels come before what the kernel moves along.
        x = torch.from_numpy(features.transpose(0, 2, 1).copy() if axis == "e" else features)
        x = mix(x)[:, None].repeat(1, 3, 1, 1)
        assert tuple(x.shape) == (2, 3, 100, {"e": 100, "s": 224}[axis])
        expected = backbone(x).numpy()

    network = aggregator(2, 224, f"eff_mix_conv_{axis}", activation=None)
    for name, arrays in from_timm(timm_tensors(backbone)).items():
        network.get_layer(name).set_weights(arrays)
    network.get_layer("mix").set_weights([mix.weight.detach().numpy().transpose(2, 1, 0), mix.bias.detach().numpy()])
    found = run(network, {"features": features, "slice_mask": np.ones((2, 100), bool)})
    report(f"eff_mix_conv_{axis}", "PyTorch Conv1d and timm resnet18", found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_eff_mix_conv_draws_in_training_alone():
    network = small("eff_mix_conv_e", count=4, seed=0)
    batch = scans()
    sampled = network.get_layer("sampled")
    first, second = (sampled(*batch.values(), training=True) for _ in range(2))
    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 0
    np.testing.assert_array_equal(run(network, batch), run(network, batch))
    # As the docstring has it: of as many slices as it reads, the network takes every one.
    np.testing.assert_array_equal(sampled(first, np.ones((5, 4), bool)), first)


def count(variant, classes, features):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = aggregator(classes, features, variant)
    keras.utils.clear_session()
    return sum(np.prod(weight.shape) for weight in network.weights)


def test_count_of_weights_at_the_sizes_of_the_papers():
    assert [count(variant, 4, 4) for variant in SCORES] == [0, 0, 0]
    assert count("max_features", 4, 3072) == 3072 * 4 + 4
    assert count("multi_scale", 4, 3072) == 264_305_668
    resnet18, head = 11_186_112, 512 + 1
    assert count("eff_mix_conv_e", 1, 224) == 224 * 100 + 100 + resnet18 + head
    assert count("eff_mix_conv_s", 1, 224) == 100 * 100 + 100 + resnet18 + head
    block = 4 * (128 * 128 + 128) + (128 * 512 + 512) + (512 * 128 + 128) + 2 * 256
    assert count("transformer", 1, 224) == (224 * 128 + 128) + 256 + 2 * block + 256 + 129
    assert count("lstm", 1, 224) == 2 * 4 * (224 + 128 + 1) * 128 + 257
    assert count("conv1d", 1, 224) == (224 * 3 + 1) * 128 + 2 * (128 * 3 + 1) * 128 + 3 * 256 + 129


@each_embedding
def test_one_class_is_a_probability_and_none_are_logits(variant):
    probability, logit = small(variant, 1), small(variant, 1, activation=None)
    logit.set_weights(probability.get_weights())
    expected = 1 / (1 + np.exp(-run(logit, scans()).astype("float64")))
    assert expected.shape == (5, 1)
    np.testing.assert_allclose(run(probability, scans()), expected, rtol=1e-4)


@each_embedding
def test_weights_from_a_file_of_the_same(variant, tmp_path):
    trained = small(variant)
    trained.save(tmp_path / "trained.keras")
    keras.utils.set_random_seed(1)
    again = aggregator(3, FEATURES, variant, weights=tmp_path / "trained.keras", **SMALL[variant])
    np.testing.assert_allclose(run(again, scans()), run(trained, scans()), rtol=1e-5)


def test_weights_that_do_not_fit(tmp_path):
    small("lstm").save(tmp_path / "lstm.keras")
    with pytest.raises(InputError, match=r"another network: conv1 .*lstm\.keras"):
        small("conv1d", weights=tmp_path / "lstm.keras")
    with pytest.raises(InputError, match="conv1d has no published weights"):
        small("conv1d", weights="imagenet")


def test_dropout_is_before_the_head():
    network = small("max_features", dropout=0.5)
    assert network.get_layer("disease").input is network.get_layer("dropout").output


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((2, 2, "median"), {}, "variant is one of mean, max, .*conv1d.*Received: variant='median'"),
        ((2, 3, "mean"), {}, "of 2 classes, features is 2. Received: features=3"),
        ((4, 5, "nonparametric"), {}, "of 4 classes, features is 4 or 6. Received: features=5"),
        ((1, 1, "nonparametric"), {}, "two classes or more. Received: classes=1"),
        ((2, 2, "mean"), {"dropout": 0.5}, "mean has no head.*Received: dropout=0.5"),
        ((2, 2, "max"), {"activation": None}, "max has no head.*activation=None"),
        ((2, 8, "max_features"), {"units": 3}, "max_features takes no options. Received: units"),
        ((2, 8, "lstm"), {"unit": 3}, "Did you mean 'units'\\? Received: an option of lstm='unit'"),
        ((2, 8, "transformer"), {"width": 10}, "divides by heads and by 2. Received: width=10, heads=4"),
        ((2, 8, "conv1d"), {"pooling": "sum"}, "pooling is one of max, mean. Received: pooling='sum'"),
        ((2, 8, "eff_mix_conv_e"), {"backbone": "vgg16"}, "backbone is one of .*Received: backbone='vgg16'"),
        ((0, 8, "lstm"), {}, "classes is a whole number from 1 up. Received: classes=0"),
        ((2, None, "lstm"), {}, "features is a whole number from 1 up. Received: features=None"),
    ],
)
def test_refusals_name_the_fix(arguments, options, says):
    with pytest.raises(ValueError, match=says):
        aggregator(*arguments, **options)


# The others are the same layers in the same places: "max" those of "mean", two more those of m3lung_patient.
@pytest.mark.parametrize("variant", sorted(set(AGGREGATORS) - {"max", "max_features", "multi_scale"}))
def test_shared_check(variant, tmp_path):
    inputs = scans(3) if variant in SCORES else scans()

    def make():
        network = small(variant)
        return settled(network, inputs) if variant.startswith("eff_mix_conv") else network

    # A bias of the keys adds the same to every score of a softmax.
    check(make, inputs, tmp_path, ["key/bias"] if variant == "transformer" else ())
