"""What joins the slices of a scan into a patient, any number of slices, one interface for all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import signature

import keras
from keras import layers

from tfcovid.layers.clear_padding import ClearPadding
from tfcovid.layers.masked_mean_pooling import MaskedMeanPooling
from tfcovid.layers.masked_pooling import MaskedMaxPooling
from tfcovid.layers.nonparametric_assessment import NonparametricAssessment
from tfcovid.layers.sampled_slices import SampledSlices
from tfcovid.layers.slice_positions import SlicePositions
from tfcovid.networks.arguments import check_variant, disease
from tfcovid.networks.m3lung_patient import m3lung_patient
from tfcovid.networks.resnet import RESNETS, resnet_trunk
from tfcovid.networks.weights import load_weights

_POOLINGS = {"max": MaskedMaxPooling, "mean": MaskedMeanPooling}


@dataclass(frozen=True)
class Aggregator:
    # (features, slice_mask, options) -> what the head reads; with `beyond`, (features, slice_mask, classes, options) ->
    # the scores of the scan. Options are keyword-only.
    join: Callable
    beyond: tuple[int, ...] | None = None  # it reads class scores, and so many features more; None: embeddings


def aggregator(
    classes: int,
    features: int,
    variant: str = "mean",
    *,
    weights: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "auto",
    **options,
) -> keras.Model:
    """A network from the slices of a scan to its diagnosis.

    Of the class scores of the slices, without weights and without a head:
        "mean": their mean. Res-Dense stacking (paper 001), ECA-NFNet (paper 000).
        "max": the largest of each class; with two classes or more these need not sum to one.
        "nonparametric": shares of slices and a rule (M3Lung-Sys, appendix I), see `NonparametricAssessment`; class 0 is
            the healthy one, behind the class probabilities may stand those without and with lesion. Option `threshold`.

    Of embeddings of the slices, with a head as every classifier has it, see `tfcovid.networks.arguments.disease`:
        "max_features": the largest of each feature; M3Lung-Sys without weights.
        "multi_scale": M3Lung-Sys, see `m3lung_patient` for its options; its `activation` is `reduction_activation`.
        "eff_mix_conv_e", "eff_mix_conv_s": the second stages of eff-mix-conv (paper 000): `count` slices of the scan by
            `SampledSlices`, a 1-D convolution with kernel 1 over the embedding axis (E) or the slice axis (S) to
            `filters`, the map three times as channels, a ResNet-18 from scratch (`backbone`, a key of `RESNETS`). The
            map goes in as the convolution leaves it, without norm or activation, as in the public code. For the mean
            of several draws, call the layer "sampled" with `training=True` and give the network the `count` slices it
            drew: of these it takes every one.
        "transformer": a pre-norm encoder over `width` channels, `depth` blocks of `heads` heads, `SlicePositions`, mean
            over the slices.
        "lstm": `depth` bidirectional layers of `units` each way; the last state of both ways.
        "conv1d": `depth` convolutions of `kernel` slices to `width` channels, each with a layer norm and a ReLU, then
            `pooling` "max" or "mean" over the slices.

    Input, a dictionary: "features" `(batch, slices, features)` and "slice_mask" `(batch, slices)`, true on real slices,
        which come first and number one or more. Padding does not change a result.
    Output: `(batch, classes)` float32, of the layer "disease".

    Args:
        weights: None or a `.keras` file of the same network; none is published.
        options: of the variant, as above.

    Raises:
        ValueError: an unknown variant or option, a number of features that the variant cannot read, or a head asked of
            a variant that has none.
        InputError: weights that do not fit, see `load_weights`.
    """
    check_variant(variant, AGGREGATORS)
    for name, number in (("classes", classes), ("features", features)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} is a whole number from 1 up. Received: {name}={number!r}")
    row = AGGREGATORS[variant]
    _check_options(variant, row, options)
    if row.beyond is not None:
        _check_scores(variant, row, classes, features, dropout, activation)

    inputs = {
        "features": keras.Input((None, features), name="features"),
        "slice_mask": keras.Input((None,), dtype="bool", name="slice_mask"),
    }
    if row.beyond is not None:
        outputs = row.join(*inputs.values(), classes, **options)
    elif row.join is _multi_scale:  # it brings its own inputs
        inputs, x = _multi_scale(features, **options)
        outputs = disease(x, classes, dropout, activation)
    else:
        outputs = disease(row.join(*inputs.values(), **options), classes, dropout, activation)
    network = keras.Model(inputs, outputs, name=variant)
    load_weights(network, variant, weights)
    return network


def _check_options(variant: str, row: Aggregator, options: dict) -> None:
    known = [one.name for one in signature(row.join).parameters.values() if one.kind is one.KEYWORD_ONLY]
    if options and not known:
        raise ValueError(f"{variant} takes no options. Received: {', '.join(options)}")
    for name in options:
        check_variant(name, known, f"an option of {variant}")


def _check_scores(variant, row, classes, features, dropout, activation) -> None:
    fitting = [classes + beyond for beyond in row.beyond]
    if features not in fitting:
        raise ValueError(
            f"{variant} joins the class scores of the slices: of {classes} classes, features is "
            f"{' or '.join(map(str, fitting))}. Received: features={features}"
        )
    if dropout or activation != "auto":
        raise ValueError(
            f"{variant} has no head, so neither dropout nor an activation. "
            f"Received: dropout={dropout}, activation={activation!r}"
        )


def _scores(pooling, x, mask, classes):
    return pooling(name="disease", dtype="float32")(x, mask)


def _nonparametric(x, mask, classes, *, threshold: float = 0.99):
    return NonparametricAssessment(classes, threshold, name="disease")(x, mask)


def _max_features(x, mask):
    return MaskedMaxPooling(name="max")(x, mask)


def _multi_scale(
    features: int,
    *,
    scales=(1, 2, 3, 4),
    refinements: int = 2,
    heads: int = 12,
    head_size: int = 512,
    affinity: str = "slice",
    normalisation: str = "softmax",
    reduction: int | None = None,
    reduction_activation: str | None = None,
):
    network = m3lung_patient(
        1,
        features,
        "multi_scale",
        scales=scales,
        refinements=refinements,
        heads=heads,
        head_size=head_size,
        affinity=affinity,
        normalisation=normalisation,
        reduction=reduction,
        activation=reduction_activation,
    )
    # Its head is left out: it knows no sigmoid.
    return network.input, network.get_layer("disease").input


def _eff_mix_conv(
    axis, x, mask, *, count: int = 100, filters: int = 100, backbone: str = "resnet18_timm", seed: int | None = None
):
    check_variant(backbone, RESNETS, "backbone")
    x = SampledSlices(count, seed, name="sampled")(x, mask)
    if axis == "slice":
        x = layers.Permute((2, 1), name="slices_last")(x)
    x = layers.Conv1D(filters, 1, name="mix")(x)
    # Filters first, as PyTorch has it, so that weights of the public definition give the same.
    x = layers.Permute((2, 1), name="filters_first")(x)
    x = layers.Reshape((*x.shape[1:], 1), name="map")(x)
    x = layers.Concatenate(name="three_channels")([x] * 3)
    x = resnet_trunk(x, RESNETS[backbone])
    return layers.GlobalAveragePooling2D(name="pool")(x)


def _transformer(x, mask, *, width: int = 128, depth: int = 2, heads: int = 4):
    if width % heads or width % 2:
        raise ValueError(f"width divides by heads and by 2. Received: width={width}, heads={heads}")
    x = ClearPadding(name="clear")(x, mask)
    x = layers.Dense(width, name="project")(x)
    # Embeddings come in any size; positions are of size one.
    x = layers.LayerNormalization(epsilon=1e-6, name="project_norm")(x)
    x = SlicePositions(name="positions")(x, mask)
    for i in range(1, depth + 1):
        y = layers.LayerNormalization(epsilon=1e-6, name=f"block{i}_attention_norm")(x)
        # Its softmax is no place for half precision, and all of it is small.
        attention = layers.MultiHeadAttention(heads, width // heads, name=f"block{i}_attention", dtype="float32")
        x = layers.Add(name=f"block{i}_attention_add")([x, attention(y, y, key_mask=mask)])
        y = layers.LayerNormalization(epsilon=1e-6, name=f"block{i}_dense_norm")(x)
        y = layers.Dense(4 * width, "gelu", name=f"block{i}_dense1")(y)
        y = layers.Dense(width, name=f"block{i}_dense2")(y)
        x = layers.Add(name=f"block{i}_dense_add")([x, y])
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return MaskedMeanPooling(name="pool")(x, mask)


def _lstm(x, mask, *, units: int = 128, depth: int = 1):
    # Real slices come first: the right padding that cuDNN's LSTM asks for.
    x = ClearPadding(name="clear")(x, mask)
    for i in range(1, depth + 1):
        lstm = layers.LSTM(units, return_sequences=i < depth, name="lstm")
        x = layers.Bidirectional(lstm, name=f"lstm{i}")(x, mask=mask)
    return x


def _conv1d(x, mask, *, width: int = 128, depth: int = 3, kernel: int = 3, pooling: str = "max"):
    check_variant(pooling, _POOLINGS, "pooling")
    x = ClearPadding(name="clear")(x, mask)
    for i in range(1, depth + 1):
        x = layers.Conv1D(width, kernel, padding="same", name=f"conv{i}")(x)
        # Over the channels of one slice: the statistics of a batch norm would take in the padding.
        x = layers.LayerNormalization(epsilon=1e-6, name=f"conv{i}_norm")(x)
        x = layers.ReLU(name=f"conv{i}_relu")(x)
        # The next kernel sees behind the last slice what it sees before the first.
        x = ClearPadding(name=f"conv{i}_clear")(x, mask)
    return _POOLINGS[pooling](name="pool")(x, mask)


AGGREGATORS = {
    "mean": Aggregator(partial(_scores, MaskedMeanPooling), beyond=(0,)),
    "max": Aggregator(partial(_scores, MaskedMaxPooling), beyond=(0,)),
    "nonparametric": Aggregator(_nonparametric, beyond=(0, 2)),
    "max_features": Aggregator(_max_features),
    "multi_scale": Aggregator(_multi_scale),
    "eff_mix_conv_e": Aggregator(partial(_eff_mix_conv, "embedding")),
    "eff_mix_conv_s": Aggregator(partial(_eff_mix_conv, "slice")),
    "transformer": Aggregator(_transformer),
    "lstm": Aggregator(_lstm),
    "conv1d": Aggregator(_conv1d),
}
