import keras
from keras import layers, ops

_CONVOLUTIONS = {4: layers.Conv2D, 5: layers.Conv3D}


@keras.saving.register_keras_serializable("tfcovid")
class AttentionGate(keras.layers.Layer):
    """Additive attention on a skip connection: lets through what the coarser, more knowing features ask for.

    attention = sigmoid(psi(relu(theta(skip) + phi(gating)))), gated = attention * skip, where psi and phi are
    convolutions of size 1 and theta is one of size and stride `stride` (Oktay et al., 2018; Schlemper et al., 2019).
    With `stride` 2 the attention is found on the coarse grid of the decoder's features and enlarged linearly, as the
    authors' code has it; with 1 the gating signal was enlarged before. Their further convolution behind the product is
    left out, as a convolution follows in any U-Net.

    Input: skip `(batch, [slices,] height, width, channels)`, and gating with any number of channels and the same
    sides, or with `stride` 2 half of them.
    Output, a pair: gated, in the shape of skip; and attention `(batch, [slices,] height, width, 1)` in [0, 1], to be
    shown. A fresh gate is about half open.

    Args:
        channels: of the space in which skip and gating are added.
        normalised: batch normalisation of all three convolutions, which then have no biases of their own. A batch of
            one or two is too small for it.
        stride: sides of skip over sides of gating, 1 or 2.

    Raises:
        ValueError: options that no gate has, or, on the first call, sides that do not fit each other.
    """

    def __init__(self, channels: int, normalised: bool = False, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(channels, int) or channels < 1 or stride not in (1, 2):
            raise ValueError(
                "channels is a whole number from 1 up, stride is 1 or 2. "
                f"Received: channels={channels!r}, stride={stride!r}"
            )
        self.channels, self.normalised, self.stride = channels, normalised, stride

    def build(self, skip_shape, gating_shape):
        if len(skip_shape) not in _CONVOLUTIONS or len(gating_shape) != len(skip_shape):
            raise ValueError(
                "skip and gating are (batch, height, width, channels) or (batch, slices, height, width, channels). "
                f"Received: shapes {tuple(skip_shape)} and {tuple(gating_shape)}"
            )
        for fine, coarse in zip(skip_shape[1:-1], gating_shape[1:-1], strict=True):
            if fine is not None and coarse is not None and fine != self.stride * coarse:
                raise ValueError(
                    f"the sides of skip are {self.stride} times those of gating. "
                    f"Received: shapes {tuple(skip_shape)} and {tuple(gating_shape)}, stride={self.stride}"
                )
        # A bias of theta would add to that of phi.
        self.theta = self._convolution("theta", self.channels, skip_shape, self.stride, use_bias=False)
        self.phi = self._convolution("phi", self.channels, gating_shape)
        inner = (*gating_shape[:-1], self.channels)
        self.psi = self._convolution("psi", 1, inner)
        if self.normalised:
            self.theta_norm, self.phi_norm = self._norm("theta_norm", inner), self._norm("phi_norm", inner)
            self.psi_norm = self._norm("psi_norm", (*inner[:-1], 1))

    def call(self, skip, gating, training=None):
        theta, phi = self.theta(skip), self.phi(gating)
        if self.normalised:
            theta, phi = self.theta_norm(theta, training=training), self.phi_norm(phi, training=training)
        attention = self.psi(ops.relu(theta + phi))
        if self.normalised:
            attention = self.psi_norm(attention, training=training)
        attention = ops.sigmoid(attention)
        if self.stride == 2:
            attention = _doubled(attention, skip.shape[1:-1])
        return skip * attention, attention

    def _convolution(self, name: str, channels: int, shape, stride: int = 1, use_bias: bool = True):
        convolution = _CONVOLUTIONS[len(shape)](
            channels,
            stride,
            strides=stride,
            use_bias=use_bias and not self.normalised,
            kernel_initializer="he_normal",
            name=name,
            dtype=self.dtype_policy,
        )
        convolution.build(shape)
        return convolution

    def _norm(self, name: str, shape):
        norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name, dtype=self.dtype_policy)
        norm.build(shape)
        return norm

    def compute_output_spec(self, skip, gating, training=None):
        shapes = skip.shape, (*skip.shape[:-1], 1)
        return tuple(keras.KerasTensor(shape, dtype=self.compute_dtype) for shape in shapes)

    def get_config(self):
        names = ("channels", "normalised", "stride")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _doubled(x, sides):
    """`x` with twice as many points along each axis, `sides`, linear between them, level beyond the outermost."""
    if len(sides) == 2 and None not in sides:
        # One operation, which TFLite has in integers; Keras has it for images of known sides alone.
        return ops.image.resize(x, sides, "bilinear", data_format="channels_last")
    for axis in range(1, len(sides) + 1):
        x = _doubled_along(x, axis)
    return x


def _doubled_along(x, axis: int):
    every = [slice(None)] * len(x.shape)
    first, last, but_last, but_first = (
        (*every[:axis], part, *every[axis + 1 :])
        for part in (slice(0, 1), slice(-1, None), slice(0, -1), slice(1, None))
    )
    before = ops.concatenate([x[first], x[but_last]], axis=axis)
    after = ops.concatenate([x[but_first], x[last]], axis=axis)
    # A new point lies a quarter of the old distance from its nearest old one.
    pairs = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    sides = ops.shape(x)
    return ops.reshape(pairs, (*sides[:axis], 2 * sides[axis], *sides[axis + 1 :]))
