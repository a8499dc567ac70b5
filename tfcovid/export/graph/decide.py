import tensorflow as tf

from tfcovid.config import Config


def decide(config: Config, probabilities: tf.Tensor) -> tf.Tensor:
    """`Config.decide` in the graph: (classes,) probabilities to the number of the label that is called, int32."""
    if config.patient_net.kind == "nonparametric":
        sick = 1 + tf.argmax(probabilities[1:], output_type=tf.int32)
        return tf.where(probabilities[0] > config.patient_net.threshold, 0, sick)
    if len(config.labels) == 2:
        return tf.cast(probabilities[1] >= config.threshold, tf.int32)
    return tf.argmax(probabilities, output_type=tf.int32)
