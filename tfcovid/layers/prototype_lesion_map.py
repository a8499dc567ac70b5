import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class PrototypeLesionMap(keras.layers.Layer):
    """Calls a slice with or without lesion, and says where, from slice labels alone.

    A linear classifier on pooled features holds one weight row a class; the row is read as the prototype of its
    class and compared with the feature at every point (M3Lung-Sys, section III-B.1 and III-B.2).

    The paper leaves the measure open. `distance="cosine"` compares directions, `"euclidean"` positions.

    Input: `(batch, height, width, channels)` features.
    Output, a dictionary:
        "lesion": `(batch, 2)` probabilities of without and with lesion, float32.
        "attention": `(batch, height, width, 1)` in [0, 1], nearness to the prototype of the class the slice was
            called, stretched over each slice. It steers the network; on a slice called healthy it lights up
            what looks healthy.
        "lesion_map": `(batch, height, width, 1)` in [0, 1], float32: nearness to the lesion prototype beyond
            nearness to the healthy one, on a fixed scale, times the slice's lesion probability, so that a
            healthy slice stays cold. This is the one to show.
    """

    def __init__(self, distance: str = "cosine", **kwargs):
        super().__init__(**kwargs)
        if distance not in ("cosine", "euclidean"):
            raise ValueError(f"distance is 'cosine' or 'euclidean'. Received: distance={distance!r}")
        self.distance = distance

    def build(self, input_shape):
        self.prototypes = self.add_weight(shape=(2, input_shape[-1]), name="prototypes")
        self.bias = self.add_weight(shape=(2,), initializer="zeros", name="bias")

    def call(self, features):
        # Norms and the softmax lose too much in half precision.
        features = ops.cast(features, "float32")
        prototypes, bias = ops.cast(self.prototypes, "float32"), ops.cast(self.bias, "float32")
        pooled = ops.mean(features, axis=(1, 2))
        lesion = ops.softmax(ops.matmul(pooled, ops.transpose(prototypes)) + bias)
        nearness = self._nearness(features, prototypes)
        # Not by argmax, whose bit casts on TensorFlow OpenVINO cannot read.
        sick = (lesion[:, 1] > lesion[:, 0])[:, None, None, None]
        attention = ops.where(sick, nearness[..., 1:], nearness[..., :1])
        low = ops.min(attention, axis=(1, 2), keepdims=True)
        high = ops.max(attention, axis=(1, 2), keepdims=True)
        attention = (attention - low) / ops.maximum(high - low, 1e-6)
        contrast = ops.clip(nearness[..., 1:] - nearness[..., :1], 0.0, 1.0)
        return {
            "lesion": lesion,
            "attention": ops.cast(attention, self.compute_dtype),
            "lesion_map": contrast * lesion[:, 1][:, None, None, None],
        }

    def _nearness(self, features, prototypes):
        """`(batch, height, width, 2)`, 1 at a prototype: its cosine, or exp(-squared distance / channels)."""
        if self.distance == "cosine":
            return ops.matmul(ops.normalize(features, axis=-1), ops.transpose(ops.normalize(prototypes, axis=-1)))
        squared = (
            ops.sum(features**2, axis=-1, keepdims=True)
            - 2 * ops.matmul(features, ops.transpose(prototypes))
            + ops.sum(prototypes**2, axis=-1)
        )
        return ops.exp(-ops.maximum(squared, 0.0) / features.shape[-1])

    def compute_output_shape(self, input_shape):
        maps = (*input_shape[:3], 1)
        return {"lesion": (input_shape[0], 2), "attention": maps, "lesion_map": maps}

    def compute_output_spec(self, inputs):
        dtypes = {"lesion": "float32", "attention": self.compute_dtype, "lesion_map": "float32"}
        return {
            name: keras.KerasTensor(shape, dtype=dtypes[name])
            for name, shape in self.compute_output_shape(inputs.shape).items()
        }

    def get_config(self):
        return {**super().get_config(), "distance": self.distance}
