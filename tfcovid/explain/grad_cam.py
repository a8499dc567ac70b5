import keras
import numpy as np
from keras import layers

from tfcovid.explain.feature_maps import feature_map, feature_maps


def grad_cam(
    network: keras.Model, inputs, label: int | None = None, layer: str | None = None, batch: int = 8
) -> np.ndarray:
    """Where a network of any architecture sees what speaks for a label (Grad-CAM, Selvaraju et al., arXiv 1610.02391).

    Of a classifier it explains the log-odds of the label against all others, from its logits where its head is a dense
    layer, so that a sure answer has a gradient too; of a segmenter the mean probability of the label over all places.
    Maps of a layer are summed with the mean of their gradients as weights; what speaks against the label is 0. The
    sum is multiplied by the number of places: behind a pooled mean and a linear head it is, but for the bias, what the
    head says of each place alone, see `EvidenceMap`. Nothing is stretched, so that slices can be compared; for a
    picture divide by a fixed number or by the largest value of a scan, never by that of a slice.

    Args:
        network: functional, of TensorFlow's backend; its output, or "disease" in a dictionary, are probabilities, or
            logits of a dense layer, `(batch, labels)`, or `(batch, 1)` of the second of two, or the probabilities of
            a segmenter `(batch, *places, labels)`.
        inputs: as the network takes them, an array or a dictionary.
        label: number of the label; by default any but the first.
        layer: one of `feature_maps` that is in `network` itself; by default the last one that has places or, of a
            segmenter, the last of the smallest.
        batch: samples at once.

    Returns:
        `(batch, *places)` float32 from 0 up, at the resolution of the layer.

    Raises:
        ValueError: no such label or layer, or a layer that the output does not depend on.
    """
    output = network.output
    if isinstance(output, dict):
        output = output["disease"] if "disease" in output else next(iter(output.values()))
    labels = output.shape[-1]
    if label is not None and not 0 <= label < max(labels, 2):
        raise ValueError(f"label is from 0 to {max(labels, 2) - 1}. Received: label={label}")
    maps = feature_map(network, layer or _last(network, output))
    head = _head(network, output)
    model = keras.Model(network.input, [maps, output if head is None else _reads(network, head)])
    found = []
    count = len(keras.tree.flatten(inputs)[0])
    for start in range(0, count, batch):
        some = keras.tree.map_structure(lambda one, at=start: one[at : at + batch], inputs)
        found.append(_maps(model, some, head, label, layer))
    return np.concatenate(found)


def _maps(model: keras.Model, inputs, head: layers.Dense | None, label: int | None, layer: str | None) -> np.ndarray:
    import tensorflow as tf

    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    with tf.GradientTape() as tape:
        # Layers before the first weights would not be recorded else.
        tape.watch([one for one in keras.tree.flatten(inputs) if one.dtype.is_floating])
        maps, output = model(inputs, training=False)
        output = tf.cast(output, "float32")
        if len(output.shape) > 2:
            places = tuple(range(1, len(output.shape) - 1))
            score = tf.reduce_mean(_chance(output, label), axis=places)
        elif head is not None:
            score = _log_odds(output @ head.kernel + (0 if head.bias is None else head.bias), label)
        else:
            chance = tf.clip_by_value(_chance(output, label), 1e-6, 1 - 1e-6)
            score = tf.math.log(chance) - tf.math.log1p(-chance)
    gradient = tape.gradient(score, maps)
    if gradient is None:
        raise ValueError(f"the output does not depend on that layer alone. Received: layer={layer!r}")
    # The number of places times the mean over them.
    weights = tf.reduce_sum(tf.cast(gradient, "float32"), axis=tuple(range(1, len(maps.shape) - 1)), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * tf.cast(maps, "float32"), axis=-1)).numpy()


def _log_odds(logits, label: int | None):
    """Of a label against all others, `(batch,)`."""
    import tensorflow as tf

    if logits.shape[-1] == 1:
        return -logits[:, 0] if label == 0 else logits[:, 0]
    first, others = logits[:, label or 0], np.delete(np.arange(logits.shape[-1]), label or 0)
    odds = first - tf.reduce_logsumexp(tf.gather(logits, others, axis=-1), axis=-1)
    return -odds if label is None else odds


def _chance(probabilities, label: int | None):
    """Of a label, or of any but the first."""
    if probabilities.shape[-1] == 1:
        return 1 - probabilities[..., 0] if label == 0 else probabilities[..., 0]
    return 1 - probabilities[..., 0] if label is None else probabilities[..., label]


def _head(network: keras.Model, output) -> layers.Dense | None:
    head = next((one for one in network.layers if one.name == "disease"), output._keras_history.operation)
    return head if isinstance(head, layers.Dense) and len(head.kernel.shape) == 2 else None


def _reads(network: keras.Model, head: layers.Dense):
    nodes = (node for nodes in network._nodes_by_depth.values() for node in nodes)
    return next(node.input_tensors[0] for node in nodes if node.operation is head)


def _last(network: keras.Model, output) -> str:
    names = {name: shape for name, shape in feature_maps(network).items() if "/" not in name and ":" not in name}
    if len(output.shape) < 4:
        # Pooled to one place, as in squeeze and excitation, is no map.
        names = {name: shape for name, shape in names.items() if set(shape[1:-1]) != {1}}
        if names:
            return list(names)[-1]
    else:
        sizes = {name: np.prod(shape[1:-1]) for name, shape in names.items() if None not in shape[1:-1]}
        if sizes:
            return [name for name, size in sizes.items() if size == min(sizes.values())][-1]
    raise ValueError(f"name a layer of {network.name}: none can be chosen by its shape. Received: layer=None")
