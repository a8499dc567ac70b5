import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import keras
import numpy as np

from tfcovid.errors import InputError
from tfcovid.into_place import into_place
from tfcovid.networks.build import build, variants
from tfcovid.networks.convert.checkpoint import read_checkpoint
from tfcovid.networks.weights import sidecar_of

# Those whose checkpoints have a converter, `networks/convert/FAMILY.py` with a function `from_timm`.
FAMILIES = ("densenet", "eca_nfnet", "efficientnet", "resnet")


def convert_tensors(family: str, tensors: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Tensors in timm's names and layout to the arrays of each layer of our network of that family."""
    return import_module(f"tfcovid.networks.convert.{family}").from_timm(tensors)


def convertible() -> list[str]:
    """The variants whose PyTorch checkpoints can be converted."""
    # A ResNet or EfficientNet of keras.applications has other padding, strides or epsilon than timm's.
    as_published = ("densenet", "eca_nfnet")
    known = variants().items()
    return [
        name
        for name, family in known
        if family in as_published or (family in FAMILIES and ("_timm" in name or "_lite" in name))
    ]


def variant_of(source: Path) -> str:
    """The variant that the name of a checkpoint begins with, such as eca_nfnet_l0.ra2_in1k.safetensors.

    Raises:
        InputError: it begins with none.
    """
    file = Path(source).name.replace("-", "_")
    names = [name for name in convertible() if file.startswith(name.removesuffix("_timm"))]
    if not names:
        raise InputError(
            f"the file's name does not tell the network; give --network, one of {', '.join(convertible())}. "
            f"Received: {source}"
        )
    return max(names, key=len)


def convert_checkpoint(source: Path, out: Path, variant: str, licence: str | None = None) -> dict:
    """Writes a timm checkpoint as Keras weights, `out`, and beside it a JSON that says what they are.

    The head is kept with as many classes as the checkpoint has. Both files are moved into place when complete.

    Returns:
        What the JSON says: variant, classes, input shape and range, parameters, where they come from, their hash.

    Raises:
        InputError: no checkpoint, one of another network, or a name that is not `.weights.h5`.
    """
    source, out = Path(source), Path(out)
    if not out.name.endswith(".weights.h5"):
        raise InputError(f"Keras names weight files .weights.h5. Received: {out}")
    if variant not in convertible():
        raise InputError(f"no converter for {variant}; there is one for {', '.join(convertible())}.")
    arrays = convert_tensors(variants()[variant], read_checkpoint(source))
    classes = len(arrays["disease"][1]) if "disease" in arrays else 1
    network = build(variant, classes, (None, None, 3))
    _fill(network, arrays, variant, source)
    facts = {
        "variant": variant,
        "classes": classes,
        "head": "disease" in arrays,
        "input_shape": [None, None, 3],
        "input": "red, green, blue in [0, 1]; the network itself scales them",
        "parameters": network.count_params(),
        "source": source.name,
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "licence": licence or "not stated",
    }
    into_place(out, lambda path: network.save_weights(path))
    into_place(
        sidecar_of(out), lambda path: Path(path).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    )
    return facts


def _fill(network: keras.Model, arrays: dict[str, list[np.ndarray]], variant: str, source: Path) -> None:
    expected = {layer.name: layer for layer in network.layers if layer.weights}
    wrong = [
        name
        for name, layer in expected.items()
        if name != "disease" or name in arrays
        if [array.shape for array in arrays.get(name, [])] != [tuple(weight.shape) for weight in layer.weights]
    ]
    wrong += [name for name in arrays if name not in expected]
    if wrong:
        raise InputError(
            f"a checkpoint of another network than {variant}: {len(wrong)} of {len(expected)} layers do not fit, "
            f"{', '.join(wrong[:3])} the first. Received: {source}"
        )
    for name, values in arrays.items():
        expected[name].set_weights(values)
