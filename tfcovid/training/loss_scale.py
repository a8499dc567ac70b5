import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfcovid")
class LossScale(keras.optimizers.LossScaleOptimizer):
    """Keras' dynamic loss scaling for float16, which skips a step where any device finds a gradient not finite.

    Keras' own asks the first device only, as if gradients were summed by then; one that overflows on another device
    would be applied and leave no number in the weights.
    """

    def check_finite(self, grads) -> tf.Tensor:
        finite = super().check_finite(grads)
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return finite
        return tf.equal(replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(~finite, tf.float32)), 0.0)
