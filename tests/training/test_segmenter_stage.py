import importlib

import keras
import numpy as np
import pytest

from tfcovid.config import Segmenter, load_config
from tfcovid.losses import DiceCrossEntropy, FocalTversky
from tfcovid.training.segmenter_stage import segmentation_network, training_graph

STAGE = importlib.import_module("tfcovid.training.segmenter_stage")


@pytest.fixture
def flat():
    """Makes a segmenter of slices with settings of its augmentation."""

    def make(**augmentation):
        return Segmenter(
            name="flat",
            labels=("background", "lung"),
            network={"kind": "attention_unet", "variant": "attention_unet_compact", "size": (32, 32)},
            training={"epochs": 1, "batch": 4, "learning_rate": 0.1, "augmentation": augmentation},
        )

    return make


@pytest.fixture
def perfect(monkeypatch):
    """In place of the network one that calls lung what is darker than -600 HU, of voxels whose neighbours it sees."""

    def make(sides, reach=0):
        inputs = keras.Input((*sides, 1))
        convolution = keras.layers.Conv2D if len(sides) == 2 else keras.layers.Conv3D
        layer = convolution(1, 1 + 2 * reach, activation="sigmoid")
        network = keras.Model(inputs, layer(inputs))
        kernel = np.zeros(layer.kernel.shape)
        kernel[(reach,) * len(sides)] = -400
        layer.set_weights([kernel, np.array([200.0])])
        monkeypatch.setattr(STAGE, "segmentation_network", lambda config: network)

    return make


def batch(sides, seed=0):
    """Blobs of lung, and nothing alike in two samples."""
    lung = np.random.default_rng(seed).random((8, *sides, 1)) > 0.7
    spacing = np.ones((8, len(sides)), np.float32)
    return {"ct": np.where(lung, -800, 40).astype(np.int16), "labels": lung.astype(np.uint8), "spacing": spacing}


def loss(graph, data, found, kind=DiceCrossEntropy):
    graph.compile(loss=kind())
    return float(graph.compute_loss(data, None, found))


@pytest.mark.parametrize("kind", [DiceCrossEntropy, FocalTversky])
def test_the_loss_sees_the_truth_that_moved_with_the_slices(flat, perfect, kind):
    perfect((32, 32))
    graph, data = training_graph(flat(flip="both")), batch((32, 32))
    found = graph(data, training=True)
    moved = np.array([not np.array_equal(a, b) for a, b in zip(found["labels"], data["labels"], strict=True)])
    assert moved.any() and not moved.all()
    np.testing.assert_array_equal(np.asarray(found["mask"]) > 0.5, np.asarray(found["labels"]) == 1)
    assert loss(graph, data, found, kind) < 1e-3
    assert loss(graph, data, {**found, "labels": data["labels"]}, kind) > 0.1


def test_outside_training_nothing_moves(flat, perfect):
    perfect((32, 32))
    data = batch((32, 32))
    found = training_graph(flat(flip="both", rotation=30))(data, training=False)
    np.testing.assert_array_equal(found["labels"], data["labels"])


def test_what_comes_in_from_outside_the_slice_is_unlabelled(flat, perfect):
    perfect((32, 32))
    found = training_graph(flat(translation=0.5))(
        {**batch((32, 32)), "labels": np.ones((8, 32, 32, 1), np.uint8)}, training=True
    )
    assert set(np.unique(found["labels"])) == {1, 255}


@pytest.mark.parametrize("kind", [DiceCrossEntropy, FocalTversky])
def test_unlabelled_voxels_carry_no_loss(flat, perfect, kind):
    perfect((32, 32))
    graph, data = training_graph(flat()), batch((32, 32))
    wrong = np.random.default_rng(1).random(data["labels"].shape) > 0.8
    data["labels"] = np.where(wrong, 1 - data["labels"], data["labels"])
    assert loss(graph, data, graph(data), kind) > 0.05
    data["labels"] = np.where(wrong, np.uint8(255), data["labels"])
    assert loss(graph, data, graph(data), kind) < 1e-3


def test_without_padding_the_truth_is_that_of_the_inner_part(flat, perfect, tiny_infection):
    sides = (8, 16, 12)
    perfect(sides, reach=2)
    network = tiny_infection.network.model_copy(update={"guidance": None, "patch": sides})
    graph, data = training_graph(tiny_infection.model_copy(update={"network": network})), batch(sides)
    found = graph(data, training=True)
    assert found["labels"].shape == (8, 4, 12, 8, 1)
    np.testing.assert_array_equal(found["labels"], data["labels"][:, 2:-2, 2:-2, 2:-2])
    assert loss(graph, data, found) < 1e-3


def test_clicks_are_simulated_on_the_infection_and_the_network_is_trained_once(tiny_infection):
    always = tiny_infection.network.guidance.model_copy(update={"unattended": 0.0})
    network = tiny_infection.network.model_copy(update={"guidance": always})
    graph = training_graph(tiny_infection.model_copy(update={"network": network}))
    inner = STAGE.network_in(graph)
    assert inner.input_shape == (None, 8, 16, 16, 3)
    assert [id(w) for w in graph.trainable_weights] == [id(w) for w in inner.trainable_weights]
    seen = keras.Model(graph.inputs, graph.get_layer("seen").output)
    data = batch((8, 16, 16))
    data["labels"][1] = 0
    trained = np.asarray(seen(list(data.values()), training=True))
    maximum = trained.max(axis=(1, 2, 3))
    assert (maximum[[0, 2], 1] > 0.99).all() and maximum[1, 1] == 0  # a first click on every infection there is
    assert not np.asarray(seen(list(data.values()), training=False))[..., 1:].any()


def test_heads_have_an_output_for_every_label_and_one_for_a_single_label_of_slices(flat):
    assert segmentation_network(flat()).output_shape == (None, 32, 32, 1)
    three = load_config("lungs", ["labels=[background, left lung, right lung]", "training.augmentation.flip=none"])
    assert segmentation_network(three).output_shape == (None, 256, 256, 3)
