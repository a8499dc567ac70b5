import keras


def freeze(network: keras.Model, layers: int | None) -> None:
    """Leaves the first layers of a network out of training, and lets all others train.

    In a network with backbones nested in it (Res-Dense stacking) the first `layers` of each of them, and nothing
    outside them; in any other, the first of those up to the layer "features", so that the head always trains. Layers
    are counted as `network.layers` has them, the input and those without weights among them: the order of
    `keras.applications`, in which a published "first 100 layers" is meant.

    A frozen batch normalisation uses its moving statistics in training too, and leaves them as they are. A phase
    forgets the one before it. Compile the network again afterwards: what trains is settled there.

    Args:
        layers: how many; None for all, 0 for none. More than there are is all.

    Raises:
        ValueError: a negative number, or a network in which nothing marks where the backbone ends.
    """
    if layers is not None and layers < 0:
        raise ValueError(f"layers is 0 or more, or None for all. Received: layers={layers}")
    backbones = [layer.layers for layer in network.layers if isinstance(layer, keras.Model)]
    if not backbones:
        names = [layer.name for layer in network.layers]
        if "features" not in names:
            raise ValueError(
                f"a network to freeze has nested models or a layer named 'features'. Received: {network.name}"
            )
        backbones = [network.layers[: names.index("features")]]
    _thaw(network)
    for backbone in backbones:
        for layer in backbone[:layers]:
            layer.trainable = False


def _thaw(model: keras.Model) -> None:
    model.trainable = True
    # One by one: on TensorFlow a model that is on already passes nothing on to its layers.
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _thaw(layer)
        else:
            layer.trainable = True
