from collections.abc import Sequence

import keras
from keras import layers

from tfcovid.layers import EvenlyCut, MaskedMaxPooling, SliceAggregation, SliceRefinement


def m3lung_patient(
    classes: int,
    features: int = 3072,
    kind: str = "multi_scale",
    scales: Sequence[int] = (1, 2, 3, 4),
    refinements: int = 2,
    heads: int = 12,
    head_size: int = 512,
    affinity: str = "slice",
    normalisation: str = "softmax",
    reduction: int | None = None,
    activation: str | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """The patient network of M3Lung-Sys (section III-C, figure 6): any number of slices in, one diagnosis out.

    For every scale s the scan is cut evenly into s parts; one shared head of refinement layers and an aggregation
    layer makes one feature of each part; all are joined, reduced and classified. Of the ablations in Table IV,
    `kind="max"` pools without weights, `refinements=0` leaves the refinement out, `scales=[3]` is single-scale.

    Input, a dictionary: "features" `(batch, slices, features)` and "slice_mask" `(batch, slices)`, true on real
    slices, which come first. Padding does not change a result.
    Output: `(batch, classes)` probabilities.

    Args:
        reduction: width of the patient feature; None keeps `features`, as the paper does (94 M weights there).
        activation: between the reduction and the classifier; the paper names none.
    """
    if kind not in ("multi_scale", "max"):
        raise ValueError(f"kind is 'multi_scale' or 'max'. Received: kind={kind!r}")
    inputs = {
        "features": keras.Input((None, features), name="features"),
        "slice_mask": keras.Input((None,), dtype="bool", name="slice_mask"),
    }
    x, mask = inputs["features"], inputs["slice_mask"]
    if kind == "max":
        x = MaskedMaxPooling(name="max")(x, mask)
    else:
        refine = [
            SliceRefinement(heads, head_size, affinity, normalisation, name=f"refine{i + 1}")
            for i in range(refinements)
        ]
        aggregate = SliceAggregation(name="aggregate")
        joined = []
        for parts in scales:
            part, part_mask = EvenlyCut(parts, name=f"cut{parts}")(x, mask)
            for layer in refine:
                part = layer(part, part_mask)
            part = aggregate(part, part_mask)
            joined.append(layers.Flatten(name=f"join{parts}")(part))
        x = layers.Concatenate(name="scales")(joined) if len(joined) > 1 else joined[0]
        x = layers.Dense(reduction or features, activation, name="reduce")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(classes, "softmax", name="disease", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="m3lung_patient")
