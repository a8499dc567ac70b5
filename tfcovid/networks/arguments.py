"""Checks of what every builder takes, and the two ends that every classifier shares."""

from collections.abc import Iterable
from difflib import get_close_matches

import keras
from keras import layers


def check_variant(variant: str, known: Iterable[str], name: str = "variant") -> None:
    """Raises ValueError with all that is known, and the nearest, where `variant` is none of them."""
    known = list(known)
    if variant not in known:
        near = get_close_matches(str(variant), known, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} is one of {', '.join(known)}.{hint} Received: {name}={variant!r}")


def check_shape(input_shape: tuple, classes: int, rank: int = 2, multiple: int = 1) -> None:
    """Raises ValueError unless the input has `rank` sides and a known number of channels, and there is a class.

    Args:
        multiple: what the sides must divide by, where the network halves them and comes back; a side may be None.
    """
    axes = "height, width" if rank == 2 else "slices, height, width"
    shape = tuple(input_shape)
    if len(shape) != rank + 1 or not isinstance(shape[-1], int) or shape[-1] < 1:
        raise ValueError(f"input_shape is ({axes}, channels), channels a number. Received: input_shape={input_shape}")
    if any(side is not None and (side < 1 or side % multiple) for side in shape[:-1]):
        nearest = tuple(side and max(multiple, -(-side // multiple) * multiple) for side in shape[:-1])
        raise ValueError(
            f"the sides must divide by {multiple}: {(*nearest, shape[-1])} would fit. Received: input_shape={shape}"
        )
    if not isinstance(classes, int) or classes < 1:
        raise ValueError(f"classes is a whole number from 1 up. Received: classes={classes!r}")


def features(x):
    """Names pooled features `(batch, features)`, in float32, so that they can be found in any classifier."""
    return layers.Activation("linear", dtype="float32", name="features")(x)


def disease(x, classes: int, dropout: float = 0.0, activation: str | None = "auto"):
    """The head of every classifier, a dense layer named "disease": `(batch, classes)` float32.

    `activation` "auto" is softmax, or a sigmoid where there is one class, which is then the probability of the positive
    one; None gives logits.
    """
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    if activation == "auto":
        activation = "sigmoid" if classes == 1 else "softmax"
    return layers.Dense(classes, activation, name="disease", dtype="float32")(x)


def embedding(network: keras.Model) -> keras.Model:
    """The classifier without its head: from slices to their pooled features `(batch, features)`."""
    return keras.Model(network.input, network.get_layer("features").output, name=f"{network.name}_embedding")
