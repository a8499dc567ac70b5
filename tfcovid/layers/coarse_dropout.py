from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class CoarseDropout(keras.layers.Layer):
    """Cuts rectangles out of some of the images, or feature maps, of a batch in training.

    SSFL (section 3.1) trains its ECA-NFNet with coarse dropout at probability 0.2. The paper speaks of the feature
    maps, its public code drops in the image: this layer goes into either place. That code takes the other settings
    from albumentations' defaults of its time, 8 holes of 8 x 8 pixels, which are the defaults here as fractions of
    the paper's 384 pixels. A hole lies wholly inside the image, holes may overlap, all channels share them, and what
    stays is not scaled up.

    Input: `(batch, height, width, channels)`. Output: the same shape and type.

    Args:
        probability: of a sample having holes at all.
        holes: fewest and most holes of such a sample.
        size: smallest and largest side of a hole as a fraction of the image's side, drawn apart for height and
            width, rounded to whole pixels, at least one.
        fill: what stands in the holes, in the units of the input.
    """

    def __init__(
        self,
        probability: float = 0.2,
        holes: Sequence[int] = (8, 8),
        size: Sequence[float] = (1 / 48, 1 / 48),
        fill: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 <= probability <= 1:
            raise ValueError(f"probability is from 0 to 1. Received: probability={probability}")
        if len(holes) != 2 or not 1 <= holes[0] <= holes[1]:
            raise ValueError(f"holes are the fewest and the most, 1 or more. Received: holes={holes}")
        if len(size) != 2 or not 0 < size[0] <= size[1] <= 1:
            raise ValueError(f"size is the smallest and the largest fraction, above 0, up to 1. Received: size={size}")
        self.probability, self.holes, self.size, self.fill = probability, tuple(holes), tuple(size), fill
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        if not training or self.probability == 0:
            return images
        return _fill_boxes(images, *self._draw_boxes(images), self.fill)

    def _draw_boxes(self, images):
        """First and past-the-last row and column of each hole, two of `(batch, most holes, 2)`; unused ones empty."""
        batch = ops.shape(images)[0]
        fewest, most = self.holes
        sides = ops.cast(ops.stack(ops.shape(images)[1:3]), "float32")
        lengths = ops.clip(ops.round(self._uniform((batch, most, 2), *self.size) * sides), 1.0, sides)
        start = ops.floor(self._uniform((batch, most, 2)) * (sides - lengths + 1))
        count = ops.floor(self._uniform((batch, 1), fewest, most + 1))
        chosen = self._uniform((batch, 1)) < self.probability
        used = chosen & (ops.arange(most, dtype="float32") < count)
        return start, start + ops.where(used[..., None], lengths, 0.0)

    def _uniform(self, shape, low=0.0, high=1.0):
        return keras.random.uniform(shape, low, high, dtype="float32", seed=self.seed_generator)

    def compute_output_spec(self, images, training=False):
        return keras.KerasTensor(images.shape, dtype=images.dtype)

    def get_config(self):
        names = ("probability", "holes", "size", "fill", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _fill_boxes(images, start, stop, fill):
    def inside(axis, side):
        places = ops.arange(side, dtype="float32")
        return ops.cast((places >= start[..., axis, None]) & (places < stop[..., axis, None]), "float32")

    height, width = ops.shape(images)[1:3]
    # How many holes lie over each place, without an image for each hole.
    over = ops.einsum("bnh,bnw->bhw", inside(0, height), inside(1, width))
    return ops.where((over > 0.5)[..., None], ops.full_like(images, fill), images)
