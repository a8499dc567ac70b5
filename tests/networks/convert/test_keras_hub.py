import keras
import numpy as np
import pytest

from tests.parity import report
from tfcovid import InputError
from tfcovid.networks import build
from tfcovid.networks.convert import HUB_PRESETS, from_hub

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def backbones():
    """KerasHub's own configurations of the networks below."""
    models = pytest.importorskip("keras_hub").models
    resnet = {"input_conv_filters": [64], "input_conv_kernel_sizes": [7], "use_pre_activation": False}
    resnet |= {"stackwise_num_filters": [64, 128, 256, 512], "stackwise_num_strides": [1, 2, 2, 2]}
    b0 = {
        "stackwise_width_coefficients": [1.0] * 7,
        "stackwise_depth_coefficients": [1.0] * 7,
        "stackwise_squeeze_and_excite_ratios": [0.25] * 7,
        "stackwise_kernel_sizes": [3, 3, 5, 3, 5, 5, 3],
        "stackwise_num_repeats": [1, 2, 2, 3, 3, 4, 1],
        "stackwise_input_filters": [32, 16, 24, 40, 80, 112, 192],
        "stackwise_output_filters": [16, 24, 40, 80, 112, 192, 320],
        "stackwise_expansion_ratios": [1, 6, 6, 6, 6, 6, 6],
        "stackwise_strides": [1, 2, 2, 2, 1, 2, 1],
        "stackwise_block_types": ["v1"] * 7,
        "activation": "silu",
    }
    return {
        "resnet18_timm": lambda: models.ResNetBackbone(
            **resnet, stackwise_num_blocks=[2, 2, 2, 2], block_type="basic_block"
        ),
        "resnet50_timm": lambda: models.ResNetBackbone(
            **resnet, stackwise_num_blocks=[3, 4, 6, 3], block_type="bottleneck_block"
        ),
        "densenet121": lambda: models.DenseNetBackbone([6, 12, 24, 16]),
        "efficientnet_b0_timm": lambda: models.EfficientNetBackbone(**b0),
    }


@pytest.mark.parametrize("variant", ["resnet18_timm", "resnet50_timm", "densenet121", "efficientnet_b0_timm"])
def test_a_preset_gives_the_features_that_it_gives_at_kerashub(variant, tmp_path):
    peer = backbones()[variant]()
    generator = np.random.default_rng(0)
    for layer in peer.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights([generator.uniform(low, high, size) for low, high in ((0.5, 1), (0, 1), (0, 1), (1, 2))])
    peer.save_to_preset(str(tmp_path / "preset"))
    network = build(variant, 3, (65, 65, 3), weights=f"hub:{tmp_path / 'preset'}")
    # An odd side: KerasHub's DenseNet pads even ones as TensorFlow does, a pixel off the network its weights are of.
    slices = generator.uniform(size=(2, 65, 65, 3)).astype("float32")
    maps = keras.ops.convert_to_numpy(peer(((slices - MEAN) / DEVIATION).astype("float32")))
    expected = maps.mean(axis=(1, 2))
    found = keras.ops.convert_to_numpy(keras.Model(network.input, network.get_layer("features").output)(slices))
    report(f"{variant} features", "KerasHub", found, expected)
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.std())


def test_every_preset_of_the_list_is_one_that_kerashub_has():
    models = pytest.importorskip("keras_hub").models
    known = {**models.ResNetBackbone.presets, **models.DenseNetBackbone.presets, **models.EfficientNetBackbone.presets}
    assert set(HUB_PRESETS.values()) <= set(known)


def test_a_network_with_other_padding_does_not_take_a_preset():
    with pytest.raises(InputError, match=r"efficientnet_b0 is none of them\. Received: hub:some_preset"):
        from_hub("some_preset", "efficientnet_b0", "efficientnet")
