import keras
import numpy as np
import pytest
from scipy import ndimage

from tests.layers.shared_check import check
from tfcovid.layers import RandomAffine, RandomIntensity, RandomWindowLevel
from tfcovid.layers.random_affine import _backwards, _bilinear, _places, _projected

needs_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow alone")
ALL = {"rotation": 30, "scale": 0.2, "shear": 10, "translation": 0.1}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def smooth(shape, seed=0):
    """Images without fine detail, `(batch, height, width, 1)` in [0, 1]."""
    noise = np.random.default_rng(seed).normal(size=shape)
    image = ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    return ((image - image.min()) / np.ptp(image)).astype("float32")


def draws(layer, batch, sides):
    """Matrices and shifts that `layer` will use next: a fresh layer of its settings draws the same."""
    twin = RandomAffine.from_config(layer.get_config())
    return tuple(array(part) for part in _backwards(twin._draw(batch), sides))


class Drawn(RandomAffine):
    """Draws what it is told."""

    def __init__(self, angle=0.0, scale=(1.0, 1.0), lean=0.0, shift=(0.0, 0.0), **flips):
        super().__init__(tuple(flips), rotation=180)
        told = {"angle": [angle], "scale": [scale], "lean": [lean], "shift": [shift]}
        self.told = {name: np.array(value, "float32") for name, value in told.items()}
        self.told |= {axis: np.array([chosen]) for axis, chosen in flips.items()}

    def _draw(self, batch):
        return {name: keras.ops.convert_to_tensor(np.repeat(value, batch, 0)) for name, value in self.told.items()}


def turned(image, mask=None, **told):
    """One image `(height, width)`, and a mask, moved as told."""
    inputs = {"image": image[None, ..., None]} | ({} if mask is None else {"mask": mask[None, ..., None]})
    found = Drawn(**told)(inputs, training=True)
    found = [array(found[name])[0, ..., 0] for name in inputs]
    return found if mask is not None else found[0]


def test_nothing_changes_outside_training_or_without_settings():
    images = np.random.default_rng(0).random((3, 5, 6, 2), dtype="float32")
    np.testing.assert_array_equal(array(RandomAffine(("horizontal",), **ALL)(images)), images)
    np.testing.assert_array_equal(array(RandomAffine()(images, training=True)), images)


def test_no_turn_is_the_identity_to_the_bit():
    image = np.random.default_rng(0).normal(size=(61, 40)).astype("float32")
    mask = np.random.default_rng(1).integers(0, 256, (61, 40), dtype="uint8")
    for one, other in zip(turned(image, mask), (image, mask), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_those_of_numpy(side, quarters):
    image = np.random.default_rng(0).random((side, side), dtype="float32")
    mask = np.random.default_rng(1).integers(0, 256, (side, side), dtype="uint8")
    found = turned(image, mask, angle=quarters * np.pi / 2)
    np.testing.assert_allclose(found[0], np.rot90(image, -quarters), atol=1e-5)
    np.testing.assert_array_equal(found[1], np.rot90(mask, -quarters))


def test_each_setting_by_itself_on_unequal_sides():
    image = np.zeros((9, 15), "float32")
    image[2, 7] = 1  # two rows above the middle, (4, 7)

    def place(**told):
        return np.argwhere(turned(image, **told) > 0.6).tolist()

    assert place(angle=np.pi / 2) == [[4, 9]]  # to the right, by as many pixels: no stretching
    assert place(shift=(2 / 9, -3 / 15)) == [[4, 4]]
    assert place(lean=1.0) == [[2, 5]]  # upright lines lean by 45 degrees
    assert place(scale=(2.0, 1.0)) == [[0, 7]]
    assert place(vertical=True) == [[6, 7]]
    assert place(horizontal=True, shift=(0, 1 / 15)) == [[2, 8]]


@pytest.mark.parametrize("isotropic", [True, False])
def test_images_are_what_scipy_makes_of_the_drawn_matrices(isotropic):
    images = np.random.default_rng(0).random((6, 20, 31, 1), dtype="float32")
    layer = RandomAffine(("horizontal", "vertical"), **ALL, isotropic=isotropic, fill=0.3, seed=5)
    matrices, shifts = draws(layer, 6, (20, 31))
    labels = (images * 255).astype("uint8")
    found = layer({"image": images, "mask": labels}, training=True)
    middle = np.array([9.5, 15])
    for n, (matrix, shift) in enumerate(zip(matrices.astype(float), shifts.astype(float), strict=True)):
        # SciPy has no rim of fill beyond the last pixel: it is given one.
        padded = np.pad(images[n, ..., 0], 2, constant_values=0.3)
        offset = middle - matrix @ (middle + shift) + 2
        expected = ndimage.affine_transform(padded, matrix, offset, (20, 31), order=1, cval=0.3)
        np.testing.assert_allclose(array(found["image"])[n, ..., 0], expected, atol=2e-5)
        padded = np.pad(labels[n, ..., 0], 2)
        expected = ndimage.affine_transform(padded, matrix, offset, (20, 31), order=0, cval=0)
        # Halves of a pixel fall to either side.
        assert (array(found["mask"])[n, ..., 0] != expected).mean() < 0.002


def test_draws_keep_to_their_ranges_and_fill_them():
    layer = RandomAffine(("horizontal", "vertical"), 40, 0.3, 20, 0.2, isotropic=False, seed=1)
    drawn = {name: array(value) for name, value in layer._draw(4000).items()}
    for values, most in (
        (drawn["angle"], np.radians(40)),
        (drawn["scale"] - 1, 0.3),
        (np.arctan(drawn["lean"]), np.radians(20)),
        (drawn["shift"], 0.2),
    ):
        assert 0.99 * most < np.abs(values).max() <= most * 1.00001
        assert abs(values.mean()) < 0.04 * most  # four standard errors
    assert abs(np.corrcoef(drawn["scale"].T)[0, 1]) < 0.07
    # Both axes are drawn apart: all four outcomes are as likely.
    outcomes = np.bincount(drawn["horizontal"] + 2 * drawn["vertical"], minlength=4)
    assert np.abs(outcomes - 1000).max() < 110
    same = array(RandomAffine(scale=0.3, seed=1)._draw(50)["scale"])
    np.testing.assert_array_equal(same[:, 0], same[:, 1])


def test_image_and_masks_move_together():
    image = smooth((4, 64, 48, 1))
    mask = (image > 0.5).astype("uint8")
    layer = RandomAffine(("horizontal", "vertical"), **ALL, seed=2)
    others = {"mask_lungs": {"left": mask * 7}, "mask_all": np.ones_like(mask)}
    found = layer({"image": image, "mask": mask, **others}, training=True)
    moved = array(found["mask"])
    # Away from the outlines of mask and image, where the nearest pixel and a mean of four may differ.
    clear = np.abs(array(found["image"]) - 0.5) > 0.05
    clear &= ndimage.binary_erosion(array(found["mask_all"]), np.ones((1, 3, 3, 1)))
    assert clear.mean() > 0.5 and moved.mean() > 0.2
    np.testing.assert_array_equal(moved[clear], (array(found["image"]) > 0.5)[clear])
    np.testing.assert_array_equal(array(found["mask_lungs"]["left"]), moved * 7)
    # A mask alone goes the way it goes beside its image.
    alone = RandomAffine.from_config(layer.get_config())({"mask": mask}, training=True)
    np.testing.assert_array_equal(array(alone["mask"]), moved)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "float16", "float32"])
def test_masks_keep_their_labels_and_type(dtype):
    labels = np.array([0, 1] if dtype == "bool" else [0, 1, 2, 100], dtype)
    mask = np.random.default_rng(0).choice(labels, (2, 16, 16, 1))
    found = array(RandomAffine(**ALL, mask_fill=1, seed=1)({"mask": mask}, training=True)["mask"])
    assert found.dtype == dtype
    assert set(np.unique(found)) == set(labels)


def test_what_comes_in_from_outside():
    image, mask = np.full((1, 10, 10, 1), 0.5, "float32"), np.ones((1, 10, 10, 1), "uint8")
    layer = RandomAffine(translation=0.5, fill=-7, mask_fill=255, seed=4)
    found = layer({"image": image, "mask": mask}, training=True)
    image, mask = array(found["image"]), array(found["mask"])
    assert set(np.unique(mask)) == {1, 255}
    assert (image[mask == 255] < 0.5).all() and image.min() == -7
    assert (image[mask == 1] > -5.2).all()  # three quarters from outside, at a corner


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float16", "float32"])
def test_flips_alone_move_pixels_and_change_none(dtype):
    images = np.random.default_rng(0).integers(0, 200, (64, 5, 6, 2)).astype(dtype)
    found = array(RandomAffine(("horizontal", "vertical"), seed=1)(images, training=True))
    assert found.dtype == dtype
    ways = [(slice(None, None, up), slice(None, None, left)) for up in (1, -1) for left in (1, -1)]
    which = [[np.array_equal(one, other[way]) for way in ways] for one, other in zip(found, images, strict=True)]
    assert (np.sum(which, axis=1) == 1).all()
    assert (np.sum(which, axis=0) >= 6).all()


def test_slices_of_a_volume_move_alike_and_flip_through():
    volumes = np.repeat(smooth((6, 20, 24, 1))[:, None], 4, axis=1)
    volumes = volumes * np.arange(1, 5, dtype="float32").reshape(4, 1, 1, 1)
    layer = RandomAffine(("horizontal", "through"), **ALL, seed=3)
    found = array(layer({"image": volumes, "mask": volumes > 1}, training=True)["image"])
    heights = found.mean(axis=(2, 3, 4))
    order = np.where((heights[:, 0] > heights[:, -1])[:, None], [4, 3, 2, 1], [1, 2, 3, 4])
    levelled = found / order[:, :, None, None, None]
    np.testing.assert_allclose(levelled, np.repeat(levelled[:, :1], 4, axis=1), atol=1e-6)
    assert len(np.unique(order[:, 0])) == 2
    # A slice goes the way it would go as an image.
    flat = RandomAffine(("horizontal",), **ALL, seed=3)(volumes[:, 0], training=True)
    np.testing.assert_allclose(levelled[:, 0], array(flat), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_rounds_the_result_and_not_the_places(dtype):
    # Columns up to 3,000: in half precision neighbours would be one.
    images = np.random.default_rng(0).random((2, 3, 3000, 1), dtype="float32")
    halved = keras.ops.cast(images, dtype)
    found = RandomAffine(translation=0.2, seed=1)(halved, training=True)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    exact = RandomAffine(translation=0.2, seed=1)(keras.ops.cast(halved, "float32"), training=True)
    np.testing.assert_array_equal(array(found), array(keras.ops.cast(exact, dtype)))


def test_hu_stay_whole_numbers():
    hu = np.random.default_rng(0).integers(-1000, 400, (2, 12, 12, 1), dtype="int16")
    found = array(RandomAffine(rotation=20, fill=-1000, seed=1)(hu, training=True))
    exact = array(RandomAffine(rotation=20, fill=-1000, seed=1)(hu.astype("float32"), training=True))
    assert found.dtype == "int16"
    np.testing.assert_allclose(found, exact, atol=0.5001)


def test_the_seed_makes_training_repeatable_and_every_batch_new():
    images = smooth((4, 16, 16, 1))
    layer, again, other = (RandomAffine(**ALL, seed=seed) for seed in (7, 7, 8))
    first, second = array(layer(images, training=True)), array(layer(images, training=True))
    np.testing.assert_array_equal(first, array(again(images, training=True)))
    np.testing.assert_array_equal(second, array(again(images, training=True)))
    assert np.abs(first - second).max() > 0.05
    assert np.abs(first - array(other(images, training=True))).max() > 0.05
    assert [variable.path.rsplit("/", 1)[-1] for variable in layer.variables] == ["seed_generator_state"]


def test_both_ways_to_resample_agree():
    """TensorFlow has a kernel, the other backends gather neighbours."""
    images = np.random.default_rng(0).random((3, 30, 41, 2), dtype="float32")
    matrix, shift = _backwards(RandomAffine(**ALL, flip=("horizontal",), seed=3)._draw(3), images.shape[1:3])
    projected = array(_projected(keras.ops.convert_to_tensor(images), matrix, shift, 0.25))
    rows, columns = _places(matrix, shift, *images.shape[1:3])
    gathered = array(_bilinear(keras.ops.convert_to_tensor(images), rows, columns, 0.25))
    np.testing.assert_allclose(projected, gathered, atol=1e-4)


@needs_tensorflow
def test_a_model_with_it_fits_with_the_compilation_that_keras_chooses():
    inputs = keras.Input((16, 16, 1))
    x = keras.layers.GlobalAveragePooling2D()(RandomAffine(rotation=20, seed=0)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile("sgd", "mse", jit_compile="auto")
    assert np.isfinite(model.fit(smooth((8, 16, 16, 1)), np.ones(8), verbose=0).history["loss"][0])
    assert model.jit_compile is False  # XLA has no kernel of it


@needs_tensorflow
def test_a_training_graph_draws_from_its_seeds_alone():
    import tensorflow as tf

    hu = np.random.default_rng(0).integers(-1000, 200, (12, 16, 16, 1), dtype="int16")
    inputs = keras.Input((16, 16, 1), dtype="int16")
    x = RandomWindowLevel(seed=1)(inputs)
    x = RandomIntensity(brightness=0.1, noise=0.1, seed=1)(RandomAffine(("horizontal",), **ALL, seed=1)(x))
    model = keras.Model(inputs, x)
    step = tf.function(lambda batch: model(batch, training=True))
    seeds = [variable for variable in model.variables if variable.name == "seed_generator_state"]
    start = [array(seed) for seed in seeds]
    assert len(seeds) == len(model.variables) == 3

    def epoch(calls):
        for seed, value in zip(seeds, start, strict=True):
            seed.assign(value)
        rows = tf.data.Dataset.from_tensor_slices(hu).map(lambda row: row + 1, calls, deterministic=True)
        return np.concatenate([step(batch) for batch in rows.batch(4)])

    first = epoch(1)
    np.testing.assert_array_equal(epoch(4), first)
    np.testing.assert_array_equal(epoch(tf.data.AUTOTUNE), first)


@pytest.mark.parametrize(
    "wrong", [{"flip": ("left",)}, {"rotation": 181}, {"scale": 1}, {"shear": 90}, {"translation": -0.1}]
)
def test_options_that_are_none(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError) as error:
        RandomAffine(**wrong)
    assert f"Received: {name}={value}" in str(error.value)


def test_inputs_that_are_none():
    image = np.zeros((2, 4, 4, 1), "float32")
    with pytest.raises(ValueError, match="Received: 'label'"):
        RandomAffine()({"image": image, "label": image})
    with pytest.raises(ValueError, match="for volumes, of 5 axes"):
        RandomAffine("through")(image)
    with pytest.raises(ValueError, match=r"Received: shape \(4, 4, 1\)"):
        RandomAffine()(image[0])


def test_shared_check(tmp_path):
    def make():
        shapes = {"image": ((None, None, None, 1), "float32"), "mask": ((None, None, None, 1), "uint8")}
        inputs = {name: keras.Input(shape, dtype=dtype, name=name) for name, (shape, dtype) in shapes.items()}
        outputs = RandomAffine(("horizontal", "through"), **ALL, seed=3)(inputs)
        return keras.Model(inputs, outputs)

    volumes = np.random.default_rng(0).random((2, 3, 5, 6, 1), dtype="float32")
    check(make, {"image": volumes, "mask": (volumes > 0.5).astype("uint8")}, tmp_path)
