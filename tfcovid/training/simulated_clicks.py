import keras
from keras import ops

from tfcovid.layers import ClickGuidance

UNLABELLED = 255
DEEPEST = 32  # voxels; whatever lies deeper in an area is as likely as this
_NEIGHBOURS = slice(None, -2), slice(1, -1), slice(2, None)


class SimulatedClicks(keras.layers.Layer):
    """In training, the clicks that a reader would make on what the network gets wrong.

    As DeepGrow does (Sakinis and others, arXiv 1903.08205, section 2.3): the first click lies on the label; each
    further one on what the network, shown the clicks so far, misses of the label or wrongly calls so, whichever is more
    voxels. A voxel is drawn with a probability proportional to exp(distance) - 1, its chessboard distance in voxels to
    the border of that area. The n-th correction is made with probability 1 - n / `clicks`, for each sample by itself.
    All of it runs where the network does, and no gradient comes of it. Outside training there are no clicks.

    Input:
        ct: `(batch, slices, height, width, 1)` in [0, 1].
        labels: `(batch, slices, height, width, 1)`, whole numbers; voxels of 255 are unlabelled and never clicked.
        spacing: `(batch, 3)`, mm from slice to slice, row to row and column to column.
    Output: `(batch, 2, clicks, 3)` float32, as `ClickGuidance` takes them: first the positive clicks, then the
    negative; slice, row and column in voxels of `ct`, -1 where there is none. A sample without a voxel of the label
    has no first click, one that the network has right no further one.

    Args:
        network: from `(batch, slices, height, width, 3)`, the CT and its guidance, to probabilities
            `(batch, slices, height, width, labels)`, which may be those of the inner part ("valid" padding). It is
            only called, with `training=False`: its weights belong to the model that holds it otherwise.
        label: which number in `labels` the clicks are on.
        clicks: the most of them in a sample, the first included.
        unattended: share of the steps without any click, at the price of none, so that the network segments without.
        sigma: of `ClickGuidance`, mm. Maps are not normalised, as windows of a scan need it.
    """

    def __init__(
        self,
        network: keras.Model,
        label: int,
        clicks: int = 5,
        unattended: float = 0.3,
        sigma: float = 6.0,
        seed: int | None = None,
        **kwargs,
    ):
        # Coordinates and labels do not survive half precision; the network casts what it is given.
        super().__init__(autocast=False, **kwargs)
        if clicks < 1 or not 0 <= unattended <= 1:
            raise ValueError(
                "clicks are 1 or more, and unattended is a share from 0 to 1. "
                f"Received: clicks={clicks}, unattended={unattended}"
            )
        # Within a function, as Keras would count and save the weights of an attribute a second time.
        self._predict = lambda volume: ops.stop_gradient(network(volume, training=False))
        self.label, self.clicks, self.unattended, self.seed = label, clicks, unattended, seed
        self.guidance = ClickGuidance(sigma, normalise=False, dtype=self.dtype_policy)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, ct_shape, labels_shape, spacing_shape):
        self.guidance.build(ct_shape, (ct_shape[0], 2, self.clicks, 3), spacing_shape)

    def call(self, ct, labels, spacing, training=False):
        none = ops.full((ops.shape(ct)[0], 2, self.clicks, 3), -1.0)
        if not training:
            return none
        # All numbers are drawn here: a branch that is not taken must not leave the generator elsewhere.
        batch, *sides = ops.shape(labels)[:-1]
        attended = self._uniform(()) >= self.unattended
        chance = 1.0 - ops.arange(1, self.clicks + 1, dtype="float32") / self.clicks
        # A round without a click changes nothing for that sample, so that only the number of clicks matters.
        corrections = ops.sum(ops.cast(self._uniform((batch, self.clicks)) < chance, "int32"), axis=-1)
        luck = self._uniform((self.clicks, batch, sum(sides)))
        clicks = ops.cond(
            attended,
            lambda: self._simulate(none, ops.cast(ct, self.compute_dtype), labels, spacing, corrections, luck),
            lambda: none,
        )
        return ops.stop_gradient(clicks)

    def _simulate(self, none, ct, labels, spacing, corrections, luck):
        truth, known = labels[..., 0] == self.label, labels[..., 0] != UNLABELLED
        present = ops.any(truth, axis=(1, 2, 3))
        first = _add(none, 0, draw_voxel(truth, luck[0]), present, ops.zeros_like(present))

        def correct(turn, clicks):
            guided = ops.concatenate([ct, self.guidance(ct, clicks, spacing)], axis=-1)
            called = self._call(self._predict(guided))
            # Without padding the network says nothing of the border.
            sides, inner = ops.shape(truth)[1:], ops.shape(called)[1:]
            lost = [(side - seen) // 2 for side, seen in zip(sides, inner, strict=True)]
            inside = (slice(None), *(slice(edge, edge + seen) for edge, seen in zip(lost, inner, strict=True)))
            missed = truth[inside] & ~called
            wrong = called & known[inside] & ~truth[inside]
            misses, wrongs = (ops.count_nonzero(area, axis=(1, 2, 3)) for area in (missed, wrong))
            positive = misses >= wrongs
            place = draw_voxel(ops.where(positive[:, None, None, None], missed, wrong), luck[turn])
            place += ops.cast(ops.stack(lost), "float32")
            due = (turn <= corrections) & (misses + wrongs > 0)
            return turn + 1, _add(clicks, turn, place, due & positive, due & ~positive)

        turns = ops.max(corrections)
        _, clicks = ops.while_loop(lambda turn, clicks: turn <= turns, correct, (ops.convert_to_tensor(1), first))
        return clicks

    def _call(self, probabilities):
        """Where the network says `label`."""
        if probabilities.shape[-1] == 1:
            return probabilities[..., 0] > 0.5
        return ops.argmax(probabilities, axis=-1) == self.label

    def _uniform(self, shape):
        return keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)

    def compute_output_spec(self, ct, labels, spacing, training=False):
        return keras.KerasTensor((ct.shape[0], 2, self.clicks, 3), dtype="float32")


def _add(clicks, turn, place, positive, negative):
    """`clicks` with those of this turn, at `place`, `(batch, 3)`, in the samples for which the signs say so."""
    sign = ops.stack([positive, negative], axis=1)
    here = ops.arange(clicks.shape[2]) == turn
    return ops.where((sign[:, :, None] & here)[..., None], place[:, None, None], clicks)


def draw_voxel(area, luck):
    """`(batch, 3)` float32: a voxel of each area, the likelier the deeper it lies; somewhere where there is none.

    Args:
        area: `(batch, slices, height, width)` boolean.
        luck: `(batch, slices + height + width or more)` uniform in [0, 1).
    """
    # The largest of weight / exponential is one drawn by weight: first a slice, then a row in it, then a column.
    luck = -ops.log(ops.maximum(luck, 1e-7))
    weight = ops.expm1(ops.cast(_depth(area), "float32"))
    place = []
    for _ in range(3):
        side = ops.shape(weight)[1]
        sums = ops.sum(weight, axis=tuple(range(2, len(weight.shape))))
        place.append(ops.argmax(sums / luck[:, :side], axis=-1))
        luck = luck[:, side:]
        chosen = ops.reshape(place[-1], (-1, *[1] * (len(weight.shape) - 1)))
        weight = ops.take_along_axis(weight, chosen, axis=1)[:, 0]
    return ops.cast(ops.stack(place, axis=-1), "float32")


def _depth(area):
    """Chessboard distance in voxels to the border, 1 beside it, at most `DEEPEST`; the volume's edge is no border."""
    left = ops.cast(area, "uint8")

    def erode(turn, left, depth):
        left = ops.pad(left, [(0, 0), (1, 1), (1, 1), (1, 1)], constant_values=1)
        for axis in (1, 2, 3):
            before, here, after = (left[(slice(None),) * axis + (part,)] for part in _NEIGHBOURS)
            left = before & here & after
        return turn + 1, left, depth + left

    return ops.while_loop(
        lambda turn, left, depth: (turn < DEEPEST) & ops.any(left), erode, (ops.convert_to_tensor(1), left, left)
    )[2]
