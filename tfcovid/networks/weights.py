"""Weights into a network: from keras.applications, from timm, from a file, by the names of the layers."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfcovid.errors import InputError
from tfcovid.networks.build import build, variants
from tfcovid.networks.weight_sources import SOURCES

# Layer name -> its arrays, in the order of `layer.weights`.
Arrays = dict[str, list[np.ndarray]]


def load_weights(
    network: keras.Model, variant: str, weights: str | Path | None, own: Iterable[str] = (), stem: str | None = None
) -> None:
    """Fills `network`, layer by layer, by name. Everything behind the head must be there, or it is an error.

    The head "disease", and the layers in `own`, which no published network has, are taken where the source has them in
    the same shape, and otherwise keep their random start. A network of one or three channels fits as it is
    (`ImageNetScale` repeats one to three, which is exact). Of k other channels, each gets the sum of the stem's three
    kernels over k, and `ImageNetScale` one scale for what colours have three: near to grey RGB where all channels show
    the same, not equal. Where any other convolution has more input channels than
    the source, the further ones (the lesion map and the coordinates of M3Lung-Sys) start at zero.

    Args:
        variant: a key of `SOURCES`, or any name for a network without published weights.
        weights: None (random start), "imagenet" (fetched on first use), "hub:PRESET" (a KerasHub preset, by name or
            folder), or a file: a `.keras` model that this package made, a `.weights.h5` that `tfcovid weights convert`
            wrote, or the `.h5` that keras.applications reads.
        stem: name of the first convolution; None for a network that has none to adapt.

    Raises:
        InputError: no such weights, no way to get them, or weights of another network.
    """
    if weights is None:
        return
    arrays = read_weights(variant, weights)
    for layer in (one for one in network.layers if one.weights):
        values = _fit(layer, arrays.get(layer.name), layer.name == stem)
        if values is not None:
            layer.set_weights(values)
        elif layer.name not in {"disease", *own}:
            raise InputError(
                f"weights of another network: {layer.name} of {variant} is not in it or has another shape "
                f"(expected {_shapes(layer.get_weights())}, found {_shapes(arrays.get(layer.name))}). "
                f"Received: {weights}"
            )


def read_weights(variant: str, weights: str | Path) -> Arrays:
    """The arrays of a weight source by layer name, see `load_weights`."""
    source, path = SOURCES.get(variant), Path(weights)
    if str(weights) == "imagenet":
        if source is None:
            raise InputError(
                f"{variant} has no published weights: use null, or a .keras file of the same network. "
                f"Received: weights={str(weights)!r}"
            )
        return _attempt(source.fetch, weights)
    if str(weights).startswith("hub:"):
        return _attempt(lambda: _from_hub(str(weights).removeprefix("hub:"), variant), weights)
    if not path.is_file():
        raise InputError(f"no such weights file; give a path, 'imagenet' or null. Received: weights={str(weights)!r}")
    if path.suffix == ".keras":
        model = _attempt(lambda: keras.saving.load_model(path, compile=False), weights)
        _check_flavour(model.name, variant, weights)
        return arrays_of(model)
    if path.suffix in (".safetensors", ".pth", ".pt", ".bin"):
        raise InputError(f"a PyTorch checkpoint: `tfcovid weights convert` first. Received: weights={str(weights)!r}")
    if sidecar_of(path).is_file():
        return _attempt(lambda: _converted(path, variant), weights)
    if source is None or source.where != "keras":
        raise InputError(
            f"{variant}: these weights do not say which network they are of: {sidecar_of(path).name} should lie beside "
            f"them (`tfcovid weights convert` writes both), or give a .keras file. Received: weights={str(weights)!r}"
        )
    return _attempt(lambda: source.fetch(str(path)), weights)


def sidecar_of(weights: Path) -> Path:
    """The JSON beside a converted weights file that says what is in it."""
    return weights.with_name(weights.name.removesuffix(".h5").removesuffix(".weights") + ".json")


def arrays_of(network: keras.Model) -> Arrays:
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def weights_hash(network: keras.Model) -> str:
    """SHA-256 of all weights of a network, in order."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


def _converted(path: Path, variant: str) -> Arrays:
    facts = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
    _check_flavour(facts["variant"], variant, path)
    network = build(facts["variant"], facts["classes"], tuple(facts["input_shape"]))
    network.load_weights(path)
    arrays = arrays_of(network)
    if not facts["head"]:
        del arrays["disease"]
    return arrays


def _from_hub(preset: str, variant: str) -> Arrays:
    from tfcovid.networks.convert import from_hub  # which needs this module

    return from_hub(preset, variant, variants().get(variant))


def _check_flavour(found: str, variant: str, weights: str | Path) -> None:
    """The flavours of a network can share every shape and still give different answers to the same weights."""
    if found != variant and found in variants():
        raise InputError(f"weights of another network: these are of {found}, wanted is {variant}. Received: {weights}")


def _attempt(read: Callable[[], Any], weights: str | Path) -> Any:
    try:
        return read()
    except InputError:
        raise
    except Exception as error:  # Keras raises whatever its reader or the network raised
        advice = (
            "ImageNet weights could not be downloaded; give the path of the file instead"
            if str(weights) == "imagenet"
            else "these weights do not fit"
        )
        raise InputError(f"{advice}: {str(error).splitlines()[0]}. Received: weights={str(weights)!r}") from error


def _fit(layer: keras.layers.Layer, arrays: list[np.ndarray] | None, stem: bool) -> list[np.ndarray] | None:
    """`arrays` in the shapes of the layer, or None where they do not fit."""
    here = [tuple(weight.shape) for weight in layer.weights]
    if arrays is None or len(arrays) != len(here):
        return None
    if [array.shape for array in arrays] == here:
        return arrays
    (kernel, *rest), (shape, *shapes) = arrays, here
    if [array.shape for array in rest] != shapes or len(kernel.shape) != len(shape) or len(shape) < 4:
        return None
    if kernel.shape[:-2] != shape[:-2] or kernel.shape[-1] != shape[-1]:
        return None
    if stem:
        spread = getattr(layer, "spread", _spread)
        return spread(arrays, shape[-2])
    if kernel.shape[-2] > shape[-2]:
        return None
    wider = np.zeros(shape, kernel.dtype)
    wider[..., : kernel.shape[-2], :] = kernel
    return [wider, *rest]


def _spread(arrays: list[np.ndarray], channels: int) -> list[np.ndarray]:
    kernel, *rest = arrays
    return [np.repeat(kernel.sum(axis=-2, keepdims=True) / channels, channels, axis=-2), *rest]


def _shapes(arrays: list[np.ndarray] | None) -> str:
    if arrays is None:
        return "nothing"
    return ", ".join(str(array.shape) for array in arrays[:4]) + (", ..." if len(arrays) > 4 else "")
