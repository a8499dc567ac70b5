import math
from collections.abc import Sequence

import keras
from keras import ops

_AXES = ("horizontal", "vertical", "through")
# TensorFlow has a kernel for it, five times as fast on CPUs as gathering neighbours. XLA has none.
_HAS_KERNEL = keras.backend.backend() == "tensorflow"
_MOST = {"rotation": 180, "scale": 0.99, "shear": 89, "translation": 1}


@keras.saving.register_keras_serializable("tfcovid")
class RandomAffine(keras.layers.Layer):
    """Flips, turns, scales, shears and shifts images and their masks in training, in one resampling.

    The augmentations of position of the papers: flips and rotation (Res-Dense, section 4.5); scale, rotation and
    horizontal flip (the lung crop before EfficientNet-B4); all of them (the ResNet-50 of the 3-D U-Net's paper,
    section II). Every sample has draws of its own, about its middle and in pixels, so that angles stay angles on sides
    of unequal length. Images are read bilinearly, masks at the nearest pixel, both at the same places. Where flips
    alone are asked for, nothing is interpolated and pixels stay what they are. Outside training nothing changes.

    Input: `(batch, height, width, channels)`, or volumes `(batch, slices, height, width, channels)` whose slices all
    move alike. Either the image alone, or a dictionary with any of "image" and keys that begin with "mask" (a mask or
    a structure of masks). Output: the same, each of its shape and type.

    Args:
        flip: any of "horizontal" (left and right change sides), "vertical" and "through" (the order of the slices of
            a volume), each with probability 0.5 and drawn apart.
        rotation: degrees, at most, either way.
        scale: sides grow by a factor from 1 - scale to 1 + scale.
        shear: degrees, at most, by which upright lines lean either way.
        translation: fraction of the side, at most, drawn apart for both sides.
        isotropic: one factor of scale for both sides; otherwise each has its own.
        fill: what comes in from outside the image, in its units; 0 is air in a window.
        mask_fill: the same for masks: 0 for background, 255 for unlabelled.
    """

    def __init__(
        self,
        flip: Sequence[str] = (),
        rotation: float = 0.0,
        scale: float = 0.0,
        shear: float = 0.0,
        translation: float = 0.0,
        isotropic: bool = True,
        fill: float = 0.0,
        mask_fill: int = 0,
        seed: int | None = None,
        **kwargs,
    ):
        # Types stay what they are: half precision would round HU and the labels of masks kept as floats.
        super().__init__(autocast=False, **kwargs)
        self.supports_jit = not _HAS_KERNEL
        flip = (flip,) if isinstance(flip, str) else tuple(flip)
        if not set(flip) <= set(_AXES):
            raise ValueError(f"flip takes any of {', '.join(_AXES)}. Received: flip={flip}")
        settings = {"rotation": rotation, "scale": scale, "shear": shear, "translation": translation}
        for name, value in settings.items():
            if not 0 <= value <= _MOST[name]:
                raise ValueError(f"{name} is from 0 to {_MOST[name]}. Received: {name}={value}")
        self.flip, self.rotation, self.scale, self.shear, self.translation = flip, rotation, scale, shear, translation
        self.isotropic, self.fill, self.mask_fill, self.seed = isotropic, fill, mask_fill, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        parts = inputs if isinstance(inputs, dict) else {"image": inputs}
        for name, part in parts.items():
            if name != "image" and not name.startswith("mask"):
                raise ValueError(f'the keys are "image" and names that begin with "mask". Received: {name!r}')
            for tensor in keras.tree.flatten(part):
                self._check_rank(tensor)
        if not training or not (self.flip or self._resamples):
            return inputs
        drawn = self._draw(ops.shape(keras.tree.flatten(parts)[0])[0])
        moved = {
            name: keras.tree.map_structure(lambda tensor, name=name: self._move(tensor, drawn, name != "image"), part)
            for name, part in parts.items()
        }
        return moved if isinstance(inputs, dict) else moved["image"]

    @property
    def _resamples(self):
        return any((self.rotation, self.scale, self.shear, self.translation))

    def _check_rank(self, tensor):
        if len(tensor.shape) not in (4, 5):
            raise ValueError(f"images have 4 axes and volumes 5. Received: shape {tuple(tensor.shape)}")
        if "through" in self.flip and len(tensor.shape) == 4:
            raise ValueError(f'flip="through" is for volumes, of 5 axes. Received: shape {tuple(tensor.shape)}')

    def _draw(self, batch):
        """What happens to each sample: `(batch,)` or, of two sides (height, width), `(batch, 2)`."""
        # As many numbers whatever is asked for: to change one setting changes none of the other draws.
        drawn = keras.random.uniform((batch, 9), dtype="float32", seed=self.seed_generator)
        either_way = 2 * drawn - 1
        scale = either_way[:, 4:6] if not self.isotropic else ops.repeat(either_way[:, 4:5], 2, axis=1)
        return {
            **{axis: drawn[:, n] < 0.5 for n, axis in enumerate(_AXES) if axis in self.flip},
            "angle": either_way[:, 3] * math.radians(self.rotation),
            "scale": 1 + self.scale * scale,
            "lean": ops.tan(either_way[:, 6] * math.radians(self.shear)),
            "shift": either_way[:, 7:9] * self.translation,
        }

    def _move(self, tensor, drawn, is_mask):
        first = len(tensor.shape) - 3
        places = {"through": 1}
        if not self._resamples:
            places |= {"vertical": first, "horizontal": first + 1}
        for name, axis in places.items():
            if name in drawn:
                chosen = ops.reshape(drawn[name], (-1, *[1] * (len(tensor.shape) - 1)))
                tensor = ops.where(chosen, ops.flip(tensor, axis), tensor)
        if not self._resamples:
            return tensor
        shape = ops.shape(tensor)
        slices = ops.reshape(tensor, (-1, *shape[first:]))
        matrix, shift = _backwards(drawn, shape[first : first + 2])
        if first == 2:
            matrix, shift = ops.repeat(matrix, shape[1], axis=0), ops.repeat(shift, shape[1], axis=0)
        if _HAS_KERNEL and not is_mask:
            return ops.reshape(_projected(slices, matrix, shift, self.fill), shape)
        rows, columns = _places(matrix, shift, *shape[first : first + 2])
        if is_mask:
            slices = _nearest(slices, rows, columns, self.mask_fill)
        else:
            slices = _bilinear(slices, rows, columns, self.fill)
        return ops.reshape(slices, shape)

    def compute_output_spec(self, inputs, training=False):
        return keras.tree.map_structure(lambda tensor: keras.KerasTensor(tensor.shape, dtype=tensor.dtype), inputs)

    def get_config(self):
        names = ("flip", "rotation", "scale", "shear", "translation", "isotropic", "fill", "mask_fill", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _backwards(drawn, sides):
    """From a pixel of the result to its place in the image: matrices `(batch, 2, 2)` and shifts `(batch, 2)`.

    Both of (row, column) in pixels, about the middle: place = matrix @ (pixel - shift). The image was flipped first,
    then scaled, sheared, turned and shifted.
    """
    cos, sin, lean = ops.cos(drawn["angle"]), ops.sin(drawn["angle"]), drawn["lean"]
    rows, columns = ops.stack([cos, -sin], 1), ops.stack([sin - lean * cos, cos + lean * sin], 1)
    shrink = 1 / drawn["scale"]
    signs = [ops.where(drawn[axis], -1.0, 1.0) if axis in drawn else 1.0 for axis in ("vertical", "horizontal")]
    matrix = ops.stack([rows * (signs[0] * shrink[:, 0])[:, None], columns * (signs[1] * shrink[:, 1])[:, None]], 1)
    return matrix, drawn["shift"] * ops.stack([ops.cast(side, "float32") for side in sides])


def _places(matrix, shift, height, width):
    """Row and column in the image of every pixel of the result, two of `(batch, height, width)`."""

    def from_middle(side, axis):
        middle = (ops.cast(side, "float32") - 1) / 2
        return ops.arange(side, dtype="float32") - middle - shift[:, axis, None], middle

    (down, middle_row), (across, middle_column) = from_middle(height, 0), from_middle(width, 1)

    def place(axis, middle):
        # The sums of a column and a row: one pass over the pixels.
        return (matrix[:, axis, 0, None] * down + middle)[:, :, None] + (matrix[:, axis, 1, None] * across)[:, None, :]

    return place(0, middle_row), place(1, middle_column)


def _projected(images, matrix, shift, fill):
    height, width = ops.shape(images)[1:3]
    kept = keras.backend.standardize_dtype(images.dtype)
    middle_row, middle_column = ((ops.cast(side, "float32") - 1) / 2 for side in (height, width))
    row, column = middle_row + shift[:, 0], middle_column + shift[:, 1]
    (rr, rc), (cr, cc) = ((matrix[:, n, 0], matrix[:, n, 1]) for n in (0, 1))
    zero = ops.zeros_like(rr)
    # (x, y) in place of (row, column), about the first pixel in place of the middle.
    across = [cc, cr, middle_column - cc * column - cr * row]
    down = [rc, rr, middle_row - rc * column - rr * row]
    found = ops.image.affine_transform(
        ops.cast(images, "float32"),
        ops.stack([*across, *down, zero, zero], axis=1),
        interpolation="bilinear",
        fill_mode="constant",
        fill_value=float(fill),
        data_format="channels_last",
    )
    return ops.cast(found if keras.backend.is_float_dtype(kept) else ops.round(found), kept)


# For PyTorch, where ops.image.affine_transform loops over the batch, and JAX, where it lays out many times the image.
def _bilinear(images, rows, columns, fill):
    height, width = ops.shape(images)[1:3]
    kept = keras.backend.standardize_dtype(images.dtype)
    # A rim of fill: neighbours outside are read like any other. The second one after the end has weight zero.
    rimmed = ops.pad(ops.cast(images, "float32"), ((0, 0), (1, 2), (1, 2), (0, 0)), constant_values=float(fill))
    rows = ops.clip(rows, -1.0, ops.cast(height, "float32"))
    columns = ops.clip(columns, -1.0, ops.cast(width, "float32"))
    top, left = ops.floor(rows), ops.floor(columns)
    first = _flat_index(top + 1, left + 1, height + 3, width + 3)
    flat = ops.reshape(rimmed, (-1, ops.shape(images)[3]))

    def between(one, other, share):
        return one + (other - one) * share

    def along_row(start):
        return between(ops.take(flat, start, axis=0), ops.take(flat, start + 1, axis=0), (columns - left)[..., None])

    found = between(along_row(first), along_row(first + width + 3), (rows - top)[..., None])
    return ops.cast(found if keras.backend.is_float_dtype(kept) else ops.round(found), kept)


def _nearest(masks, rows, columns, fill):
    height, width = ops.shape(masks)[1:3]
    last_row, last_column = ops.cast(height, "float32") - 1, ops.cast(width, "float32") - 1
    rows, columns = ops.round(rows), ops.round(columns)
    inside = (rows >= 0) & (rows <= last_row) & (columns >= 0) & (columns <= last_column)
    index = _flat_index(ops.clip(rows, 0.0, last_row), ops.clip(columns, 0.0, last_column), height, width)
    found = ops.take(ops.reshape(masks, (-1, ops.shape(masks)[3])), index, axis=0)
    return ops.where(inside[..., None], found, ops.full_like(found, fill))


def _flat_index(rows, columns, height, width):
    """Where pixels stand once batch, rows and columns are one axis."""
    before = ops.arange(ops.shape(rows)[0]) * (height * width)
    # Each cast by itself: in float32 whole numbers end at 16 million.
    return before[:, None, None] + ops.cast(rows, "int32") * width + ops.cast(columns, "int32")
