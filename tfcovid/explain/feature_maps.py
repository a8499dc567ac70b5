from difflib import get_close_matches

import keras


def feature_maps(network: keras.Model) -> dict[str, tuple]:
    """Layers whose output has places, in the order of the computation.

    Returns:
        Name -> shape `(batch, *places, channels)`. Layers of a network inside the network are "network/layer"; of a
        layer with several such outputs each has its number behind a colon.
    """
    found = {}
    for node, named in _nodes(network):
        found |= {name: tuple(one.shape) for name, one in named.items()}
        if isinstance(node.operation, keras.Model):
            inner = feature_maps(node.operation)
            found |= {f"{node.operation.name}/{name}": shape for name, shape in inner.items()}
    return found


def feature_map(network: keras.Model, name: str):
    """The output of the layer of that name among `feature_maps`, as a tensor of `network`'s graph.

    Raises:
        ValueError: no such layer.
    """
    outer, _, rest = name.partition("/")
    for node, named in _nodes(network):
        if name in named:
            return named[name]
        if rest and node.operation.name == outer and isinstance(node.operation, keras.Model):
            inner = keras.Model(node.operation.input, feature_map(node.operation, rest), name=f"{outer}_up_to")
            return inner(*node.input_tensors)
    near = get_close_matches(name, feature_maps(network), 3, 0.3)
    hint = f" Near: {', '.join(near)}." if near else ""
    raise ValueError(f"{network.name} has no feature maps of that name.{hint} Received: layer={name!r}")


def _nodes(network: keras.Model):
    """Calls of layers in the order of the computation, each with its outputs that have places."""
    depths = network._nodes_by_depth
    for node in (one for depth in sorted(depths, reverse=True) for one in depths[depth]):
        if not isinstance(node.operation, keras.layers.InputLayer):
            maps = [one for one in node.output_tensors if len(one.shape) > 3]
            name = node.operation.name
            yield node, {name: maps[0]} if len(maps) == 1 else {f"{name}:{n}": one for n, one in enumerate(maps)}
