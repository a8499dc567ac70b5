import keras
from keras import ops


@keras.saving.register_keras_serializable("tfcovid")
class EachSlice(keras.layers.Layer):
    """Runs a slice network on every slice of every scan, all in one batch.

    Input: `(batch, slices, ...)`, behind the slices what the network takes.
    Output: that of the network, or a dictionary of them, with `(batch, slices)` in place of its batch.
    """

    def __init__(self, network: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.network = network

    def build(self, input_shape):
        pass  # the network comes with its weights

    def call(self, slices, training=None):
        leading, sides = ops.shape(slices)[:2], ops.shape(slices)[2:]
        outputs = self.network(ops.reshape(slices, (leading[0] * leading[1], *sides)), training=training)
        return keras.tree.map_structure(lambda one: ops.reshape(one, (*leading, *ops.shape(one)[1:])), outputs)

    def compute_output_spec(self, slices, training=None):
        def with_slices(one):
            return keras.KerasTensor((*slices.shape[:2], *one.shape[1:]), dtype=one.dtype)

        return keras.tree.map_structure(with_slices, self.network.output)

    def get_config(self):
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"network": keras.saving.deserialize_keras_object(config["network"])})
