import keras
import numpy as np
import pytest
from keras import layers

from tests.networks.settled import settled
from tfcovid.explain import grad_cam
from tfcovid.networks import attention_unet, densenet, m3lung_slice, resnet, resnet3d, stack_25d, unet3d


@pytest.fixture(scope="module")
def slices():
    return np.random.default_rng(0).random((3, 64, 64, 1), "float32")


@pytest.mark.parametrize("label", [None, 0, 2])
def test_behind_a_pooled_mean_it_is_what_the_head_says_of_each_place(label, slices):
    network = settled(resnet(3, (64, 64, 1), "resnet10_compact"), slices)
    found = grad_cam(network, slices, label, batch=2)
    features = keras.Model(network.input, network.get_layer("pool").input).predict(slices, verbose=0)
    kernel, bias = network.get_layer("disease").get_weights()
    odds = np.exp(features.mean(axis=(1, 2)) @ kernel + bias)
    own, others = (0, [1, 2]) if label is None else (label, [n for n in range(3) if n != label])
    share = odds[:, others] / odds[:, others].sum(axis=1, keepdims=True)
    says = features @ kernel[:, own] - np.einsum("bhwc,cl,bl->bhw", features, kernel[:, others], share)
    expected = np.maximum(-says if label is None else says, 0)
    assert expected.max() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_the_sign_is_right():
    # It calls ill what is bright, and healthy what is dark.
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 1, name="dark_bright")(inputs)
    outputs = layers.Dense(1, "sigmoid", name="disease")(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(inputs, outputs)
    weights = [[[[-1.0, 1.0]]]], [1.0, 0.0], [[-3.0], [3.0]], [0.0]
    network.set_weights([np.array(one) for one in weights])
    slice_ = np.zeros((1, 8, 8, 1), "float32")
    slice_[0, :2, 6:] = 1
    ill, healthy = grad_cam(network, slice_)[0], grad_cam(network, slice_, 0)[0]
    assert (ill[:2, 6:] == 3).all() and ill.sum() == 12
    assert (healthy[:2, 6:] == 0).all() and (healthy[2:] == 3).all()


def test_a_sure_answer_has_a_gradient_too(slices):
    network = resnet(2, (64, 64, 1), "resnet10_compact")
    head = network.get_layer("disease")
    head.set_weights([head.get_weights()[0], np.array([-200.0, 200.0])])
    assert grad_cam(network, slices).max() > 0 or grad_cam(network, slices, 0).max() > 0


CASES = {
    "m3lung": (lambda: m3lung_slice(4, (64, 64, 1), "resnet10_compact"), (64, 64, 1), None, (2, 2)),
    "chosen layer": (lambda: resnet(2, (64, 64, 1), "resnet10_compact"), (64, 64, 1), "conv3_block1_out", (8, 8)),
    "3-D": (lambda: resnet3d(2, (32, 64, 64, 1), "resnet3d10_compact"), (32, 64, 64, 1), None, (1, 2, 2)),
    "segmenter": (lambda: attention_unet(1, (64, 64, 1), "attention_unet_compact"), (64, 64, 1), None, None),
    "3-D segmenter": (lambda: unet3d(2, (16, 32, 32, 1), "unet3d_compact"), (16, 32, 32, 1), None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_network_gets_a_map(name):
    build, shape, layer, places = CASES[name]
    keras.utils.set_random_seed(0)
    inputs = np.random.default_rng(0).random((2, *shape), "float32")
    found = grad_cam(build(), inputs, layer=layer)
    assert found.dtype == np.float32 and np.isfinite(found).all() and found.min() >= 0
    assert found.shape[0] == 2 and found.ndim == len(shape)
    assert places is None or found.shape[1:] == places


def test_a_dictionary_of_inputs_works():
    network = stack_25d(densenet(2, (32, 32, 3)))
    inputs = {"slices": np.ones((2, 4, 32, 32), "float32"), "slice_mask": np.ones((2, 4), bool)}
    assert grad_cam(network, inputs, layer="neighbours", batch=1).shape == (2, 4, 32, 32)


def test_what_is_not_there_is_refused(slices):
    network = resnet(2, (64, 64, 1), "resnet10_compact")
    with pytest.raises(ValueError, match=r"from 0 to 1\. Received: label=2"):
        grad_cam(network, slices, 2)
    with pytest.raises(ValueError, match=r"Near: conv3_block1_out.*Received: layer='conv3_block1_oot'"):
        grad_cam(network, slices, layer="conv3_block1_oot")
