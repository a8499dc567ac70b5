import hashlib
from pathlib import Path

import keras

from tfcovid.errors import InputError

# ResNets for which keras.applications has ImageNet weights, and the function that reads them.
_IMAGENET = {"resnet50": "ResNet50", "resnet101": "ResNet101"}


def load_backbone_weights(network: keras.Model, backbone: str, weights: str | None) -> None:
    """Fills the ResNet inside `network`, layer by layer, by name.

    Where a convolution of `network` has more input channels than the source, the further ones (the lesion map
    and the coordinates of M3Lung-Sys) start at zero, so that the network begins as the plain ResNet.

    Args:
        weights: "imagenet" (keras.applications, downloaded on first use), a file that keras.applications reads
            (`.h5`), a `.keras` model saved by this package, or None for the random start.

    Raises:
        InputError: no such weights, no way to get them, or weights of another network.
    """
    if weights is None:
        return
    if str(weights).endswith(".keras"):
        source = _read(lambda: keras.saving.load_model(weights, compile=False), weights)
    elif backbone in _IMAGENET:
        build = getattr(keras.applications, _IMAGENET[backbone])
        source = _read(lambda: build(include_top=False, weights=weights, input_shape=(None, None, 3)), weights)
    else:
        raise InputError(
            f"{backbone} has no published weights: use null, or a .keras file of the same network. "
            f"Received: weights={weights!r}"
        )
    known = {layer.name: layer for layer in source.layers}
    # The trunk's layers have names that begin so. All are there, or it is another trunk.
    for layer in (one for one in network.layers if one.weights and one.name.startswith("conv")):
        if layer.name not in known or not _copy(layer, known[layer.name]):
            raise InputError(
                f"weights of another network: {layer.name} of {backbone} is not in it or has another shape. "
                f"Received: {weights}"
            )


def weights_hash(network: keras.Model) -> str:
    """SHA-256 of all weights of a network, in order."""
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


def _read(load, weights: str) -> keras.Model:
    if weights != "imagenet" and not Path(weights).is_file():
        raise InputError(f"no such weights file; give a path, 'imagenet' or null. Received: weights={weights!r}")
    try:
        return load()
    except Exception as error:  # Keras raises whatever its reader or the network raised
        advice = (
            "ImageNet weights could not be downloaded; give the path of the file instead"
            if weights == "imagenet"
            else "these weights do not fit"
        )
        raise InputError(f"{advice}: {str(error).splitlines()[0]}. Received: weights={weights!r}") from error


def _copy(layer: keras.layers.Layer, source: keras.layers.Layer) -> bool:
    values = []
    for here, there in zip(layer.weights, source.get_weights(), strict=False):
        if here.shape == there.shape:
            values.append(there)
            continue
        wider = here.shape[:2] == there.shape[:2] and here.shape[-1:] == there.shape[-1:]
        if len(here.shape) != 4 or not wider or here.shape[2] < there.shape[2]:
            return False
        kernel = here.numpy() * 0
        kernel[:, :, : there.shape[2]] = there
        values.append(kernel)
    if len(values) != len(layer.weights):
        return False
    layer.set_weights(values)
    return True
