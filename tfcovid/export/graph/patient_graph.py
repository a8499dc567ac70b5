import keras
import tensorflow as tf

from tfcovid.config import Config
from tfcovid.export.graph.decide import decide
from tfcovid.export.graph.draws import draws
from tfcovid.layers import SampledSlices


class PatientGraph:
    """What a `System` says of a scan from its slices, as a function of tensors alone.

    Args:
        network: the patient network, or None where the config joins slices without weights.
    """

    def __init__(self, config: Config, network: keras.Model | None):
        self._config, self._network = config, network
        self._sampled = []
        if getattr(config.patient_net, "draws", 1) > 1 and network is not None:
            self._sampled = [
                _sampled(config.patient_net.count, config.seed + n) for n in range(config.patient_net.draws)
            ]

    def __call__(self, disease: tf.Tensor, by_slice: tf.Tensor, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """
        Args:
            disease: (slices, windows, classes), probabilities of the disease head.
            by_slice: the same with both heads joined.
            features: (slices, windows, channels).

        Returns:
            label: (), int32, number of the answer among the labels.
            by_window: (windows, classes), float32 probabilities; for "nonparametric" the shares of slices called so.
        """
        settings = self._config.patient_net
        if settings.kind == "nonparametric":
            joined = _shares(tf.reduce_mean(by_slice, 1, keepdims=True))[0]
            return decide(self._config, joined), tf.cast(_shares(by_slice), tf.float32)
        if self._network is None:
            drawn = draws(tf.shape(disease)[0], settings.slices, settings.draws, self._config.seed)
            join = tf.reduce_mean if settings.kind == "mean" else tf.reduce_max
            answers = join(tf.gather(disease, drawn), 1)
        else:
            answers = self._from_features(tf.transpose(features, [1, 0, 2]))
        by_window = tf.reduce_mean(answers, 0)
        return decide(self._config, tf.reduce_mean(by_window, 0)), by_window

    def _from_features(self, features: tf.Tensor) -> tf.Tensor:
        """(windows, slices, channels) to (draws, windows, classes)."""
        everywhere = tf.ones(tf.shape(features)[:2], bool)
        drawn = [layer(features, everywhere, training=True) for layer in self._sampled] or [features]
        inputs = [{"features": one, "slice_mask": tf.ones(tf.shape(one)[:2], bool)} for one in drawn]
        return tf.stack([self._network(one, training=False) for one in inputs])


def _sampled(count: int, seed: int) -> SampledSlices:
    layer = SampledSlices(count, seed)
    # The seed itself in place of its generator: the first draw at every call, and no state in the graph.
    layer.seed_generator = seed
    return layer


def _shares(by_slice: tf.Tensor) -> tf.Tensor:
    """(slices, windows, classes) to (windows, classes) float64, of slices called each class."""
    called = tf.one_hot(tf.argmax(by_slice, -1), by_slice.shape[-1], dtype=tf.float64)
    return tf.reduce_sum(called, 0) / tf.cast(tf.shape(called)[0], tf.float64)
