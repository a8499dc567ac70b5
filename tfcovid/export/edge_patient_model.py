import keras
from keras import ops


def edge_patient_model(network: keras.Model, batch: int | None = None) -> keras.Model:
    """A patient network for scans without padding: all slices that it is given are real.

    Input: "features" `(batch, slices, features)` float32; any number of slices from 1 up.
    Output, a dictionary: "probabilities" `(batch, classes)`.

    Args:
        batch: a fixed one, or None for any.
    """
    features = keras.Input(batch_shape=(batch, *network.input["features"].shape[1:]), name="features")
    everywhere = ops.cast(ops.ones_like(features[..., 0]), "bool")
    probabilities = network({"features": features, "slice_mask": everywhere}, training=False)
    return keras.Model(features, {"probabilities": probabilities}, name="patient")
