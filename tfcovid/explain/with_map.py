import keras
import numpy as np
from keras import layers, ops

from tfcovid.layers import EvidenceMap, GeM

_POOLINGS = (layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D, GeM)


def with_map(network: keras.Model) -> keras.Model:
    """`network` with a map of what speaks for disease, from its own output weights, see `EvidenceMap`.

    The layers of `network` are shared, not copied; the map goes by the weights that the head has now. The other
    outputs stay what they are, and the map costs next to nothing more.

    Input: as `network`.
    Output, a dictionary: what `network` gives, or "disease" where that is a single output, and "lesion_map"
        `(batch, height, width, 1)` in [0, 1], float32, of the size of the last feature map. A network that has a
        "lesion_map" is returned as it is, and so is one whose head is not linear behind its pooling: there
        `grad_cam` helps.
    """
    outputs = network.output if isinstance(network.output, dict) else {"disease": network.output}
    head = None if "lesion_map" in outputs else _linear_head(network)
    if head is None:
        return network
    pool, kernel, bias = head
    evidence = EvidenceMap(kernel.shape[-1], getattr(pool, "epsilon", None), name="lesion_map")
    lesion_map = evidence(pool.input, outputs["disease"])
    evidence.kernel.assign(kernel)
    evidence.bias.assign(bias)
    if isinstance(pool, GeM):
        evidence.p.assign(ops.broadcast_to(pool.p, evidence.p.shape))
    return keras.Model(network.input, {**outputs, "lesion_map": lesion_map}, name=network.name)


def _linear_head(network: keras.Model) -> tuple[keras.layers.Layer, np.ndarray, np.ndarray] | None:
    """The pooling, and kernel and bias of the logits behind it; None where they are not linear."""
    layer = next((one for one in network.layers if one.name == "disease"), None)
    kernel = bias = None
    while not isinstance(layer, _POOLINGS):
        linear = getattr(layer, "activation", None) is keras.activations.linear
        if isinstance(layer, layers.Dense):
            # The last activation makes probabilities of logits.
            if kernel is not None and not linear:
                return None
            own = [np.asarray(one, np.float64) for one in layer.get_weights()]
            if not layer.use_bias:
                own.append(np.zeros(layer.units))
            kernel, bias = own if kernel is None else (own[0] @ kernel, own[1] @ kernel + bias)
        elif not (isinstance(layer, layers.Dropout) or (isinstance(layer, layers.Activation) and linear)):
            return None
        layer = layer.input._keras_history.operation
    return layer, kernel, bias
