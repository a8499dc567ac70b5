import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.networks.settled import settled
from tfcovid.errors import InputError
from tfcovid.networks.aggregator import aggregator
from tfcovid.networks.arguments import embedding
from tfcovid.networks.eff_mix_conv import eff_mix_conv
from tfcovid.networks.efficientnet import EFFICIENTNETS, EfficientNetVariant, efficientnet

SHAPE = (64, 64, 1)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """One block a stage."""
    monkeypatch.setitem(EFFICIENTNETS, "tiny", EfficientNetVariant(0.25, 0.1, symmetric=True))


@pytest.fixture
def slices():
    """Of different brightness: what differs little, fresh norms blow up, rounding and all."""
    slices = np.random.default_rng(0).uniform(size=(6, *SHAPE)) * np.linspace(0.2, 1, 6)[:, None, None, None]
    return slices.astype("float32")


def small(classes=3, **options):
    keras.utils.set_random_seed(0)
    return eff_mix_conv(classes, SHAPE, **{"variant": "tiny", "embedding": 7} | options)


def test_count_of_weights_at_the_sizes_of_the_paper():
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = eff_mix_conv(1)
    keras.utils.clear_session()
    trunk = 10_783_528  # EfficientNet-B3 without its head
    assert sum(np.prod(weight.shape) for weight in network.weights) == trunk + (1536 * 224 + 224) + (224 + 1)
    assert network.input_shape == (None, 256, 256, 1)
    assert embedding(network).output_shape == (None, 224)


def test_embedding_and_head_are_linear_maps_of_the_pooled_features(slices):
    network = settled(small(activation=None), slices)
    pooled = keras.Model(network.input, network.get_layer("pool").output)(slices)
    by_hand = keras.ops.convert_to_numpy(pooled).astype("float64")
    for name, layers in (("features", embedding(network)), ("disease", network)):
        kernel, bias = network.get_layer(name).get_weights()
        by_hand = by_hand @ kernel + bias
        np.testing.assert_allclose(layers(slices), by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", ["e", "s"])
def test_a_scan_goes_through_both_stages(axis, slices):
    embedded = keras.ops.convert_to_numpy(embedding(small())(slices))
    second = aggregator(1, 7, f"eff_mix_conv_{axis}", count=5, filters=4, backbone="resnet10_compact")
    found = second({"features": embedded[None], "slice_mask": np.ones((1, 6), bool)})
    assert found.shape == (1, 1)


def test_weights_of_an_efficientnet_and_of_its_own(tmp_path, slices):
    trunk = efficientnet(3, SHAPE, "tiny")
    trunk.save(tmp_path / "efficientnet.keras")
    network = settled(small(2, weights=tmp_path / "efficientnet.keras"), slices)
    np.testing.assert_array_equal(*(one.get_layer("stem_conv").get_weights()[0] for one in (network, trunk)))
    network.save(tmp_path / "eff_mix_conv.keras")
    again = small(2, weights=tmp_path / "eff_mix_conv.keras")
    np.testing.assert_allclose(again(slices), network(slices), rtol=1e-5)


def test_weights_of_the_other_flavour(tmp_path, monkeypatch):
    """The two share every shape: only the name tells them apart."""
    for flavour in ("efficientnet_b3", "efficientnet_b3_timm"):
        monkeypatch.setitem(EFFICIENTNETS, flavour, EFFICIENTNETS["tiny"])
    small(variant="efficientnet_b3_timm").save(tmp_path / "timm.keras")
    with pytest.raises(InputError, match="these are of efficientnet_b3_timm, wanted is efficientnet_b3"):
        small(variant="efficientnet_b3", weights=tmp_path / "timm.keras")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"variant": "resnet50"}, "variant is one of .*efficientnet_b3_timm.*Received: variant='resnet50'"),
        ({"embedding": 0}, "embedding is a whole number from 1 up. Received: embedding=0"),
        ({"classes": 0}, "classes is a whole number from 1 up. Received: classes=0"),
    ],
)
def test_refusals_name_the_fix(change, says):
    with pytest.raises(ValueError, match=says):
        small(**change)


def test_shared_check(tmp_path, slices):
    check(lambda: settled(small(drop_path=0.2, dropout=0.5), slices), slices, tmp_path, tflite=True)
