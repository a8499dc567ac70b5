import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class ClickGuidance(keras.layers.Layer):
    """Two maps that show a network where a reader clicked: on the lesion, and outside it.

    Each map is a sum of Gaussians around its clicks, every one 1 at its click, as in DeepGrow (Sakinis and others,
    arXiv 1903.08205). DeepGrow counts sigma in voxels, of volumes resampled to 1 mm; here it is in mm, so that a
    click reaches equally far in the patient however thick the slices are.

    Works on volumes, and on images with the slice axis and the slice coordinate left out everywhere.

    Input:
        volume: `(batch, slices, height, width, channels)`; only its shape is read.
        clicks: `(batch, 2, clicks, 3)`, slice, row and column in voxels, whole or not; first the positive clicks,
            then the negative. Any coordinate at -1 or less marks a click that is not there, as padding does; other
            coordinates outside the volume are moved to its border.
        spacing: `(batch, 3)`, mm from slice to slice, row to row and column to column.
        origin: `(batch, 3)`, where `volume` is a window of a larger one: the voxel of that one at which the window
            begins. Clicks are then voxels of the larger one, and keep their places: those beside the window reach
            into it. Without, the volume is the whole.
    Output: `(batch, slices, height, width, 2)`, positive and negative; a map without clicks is exactly zero.

    Args:
        sigma: standard deviation of a Gaussian in mm.
        normalise: stretches each map that has clicks to [0, 1], as DeepGrow does: no number of clicks takes the
            network out of the range it knows, but a click fades where others pile up, and a map depends on the
            part of the volume it is made for. Without, maps lie in [0, number of clicks] and each click looks the
            same whatever else was clicked, and in every window: an `origin` asks for this.

    Raises:
        ValueError: a sigma of 0 or less, shapes that do not fit together, or an `origin` with `normalise`.
    """

    def __init__(self, sigma: float = 2.0, normalise: bool = True, **kwargs):
        # In bfloat16 column 511 is 512: coordinates stay as they come, the maps are cast.
        super().__init__(autocast=False, **kwargs)
        if sigma <= 0:
            raise ValueError(f"sigma is in mm and above 0. Received: sigma={sigma}")
        self.sigma, self.normalise = sigma, normalise

    def build(self, volume_shape, clicks_shape, spacing_shape, origin_shape=None):
        axes = len(volume_shape) - 2
        if (
            axes not in (2, 3)
            or tuple(clicks_shape[1::2]) != (2, axes)
            or any(shape and tuple(shape[1:]) != (axes,) for shape in (spacing_shape, origin_shape))
        ):
            raise ValueError(
                "a volume of (batch, slices, height, width, channels) takes clicks of (batch, 2, clicks, 3), a spacing "
                "and an origin of (batch, 3); an image has one axis and one coordinate less. "
                f"Received: volume_shape={volume_shape}, clicks_shape={clicks_shape}, spacing_shape={spacing_shape}, "
                f"origin_shape={origin_shape}"
            )
        if origin_shape and self.normalise:
            raise ValueError(
                "a window does not know the range of the whole volume's map: with an origin, make the layer with "
                "normalise=False. Received: normalise=True"
            )

    def call(self, volume, clicks, spacing, origin=None):
        clicks, spacing = ops.cast(clicks, "float32"), ops.cast(spacing, "float32")
        there = ops.cast(ops.all(clicks > -1, axis=-1), "float32")
        sides = ops.shape(volume)[1:-1]
        if origin is None:
            clicks = ops.clip(clicks, 0.0, ops.cast(ops.stack(sides), "float32") - 1.0)
        else:
            clicks = clicks - ops.cast(origin, "float32")[:, None, None]
        # A Gaussian is a product of one factor an axis: no volume is needed for each click.
        *first, rows, columns = (
            self._factor(clicks[..., axis], spacing[:, axis], side) for axis, side in enumerate(sides)
        )
        rows = rows * there[..., None]
        if first:
            planes = rows[..., :, None] * columns[..., None, :]
            maps = ops.einsum("bkcd,bkchw->bkdhw", first[0], planes)
        else:
            maps = ops.einsum("bkch,bkcw->bkhw", rows, columns)
        if self.normalise:
            places = tuple(range(2, len(maps.shape)))
            low, high = ops.min(maps, axis=places, keepdims=True), ops.max(maps, axis=places, keepdims=True)
            maps = (maps - low) / ops.maximum(high - low, 1e-6)
        # Last, as all of the above is several times faster on maps that lie in one piece.
        return ops.moveaxis(ops.cast(maps, self.compute_dtype), 1, -1)

    def _factor(self, coordinate, spacing, side):
        """`(batch, 2, clicks, side)`: the Gaussian along one axis."""
        places = ops.arange(side, dtype="float32")
        away = (places - coordinate[..., None]) * spacing[:, None, None, None]
        return ops.exp(-0.5 * (away / self.sigma) ** 2)

    def compute_output_spec(self, volume, clicks, spacing, origin=None):
        return keras.KerasTensor((*volume.shape[:-1], 2), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "sigma": self.sigma, "normalise": self.normalise}
