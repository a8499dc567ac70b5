import tensorflow as tf


class TinyModel(tf.Module):
    """Has the signatures of `tfcovid.export.ServingModel`, and no network: what it answers can be reckoned by hand.

    A slice is sick with a probability of its share of pixels above 0 HU; the scan with the mean of its slices'.
    """

    def __init__(self):
        super().__init__("tiny")
        hu = tf.TensorSpec([None, None, None], tf.int16, "hu")
        self.functions = {
            "scan": tf.function(self._scan, [hu]),
            "serving_default": tf.function(self._slices, [hu]),
            "cropped": tf.function(self._cropped, [tf.TensorSpec([None, 16, 16], tf.int16, "hu")]),
            "image_bytes": tf.function(self._images, [tf.TensorSpec([None], tf.string, "images")]),
            "embed": tf.function(self._embed, [hu]),
            "mask": tf.function(self._mask, [hu]),
            "clicked": tf.function(self._clicked, [hu, tf.TensorSpec([None, 3], tf.float32, "clicks")]),
        }

    def save(self, folder) -> None:
        signatures = {name: function.get_concrete_function() for name, function in self.functions.items()}
        tf.saved_model.save(self, str(folder), signatures=signatures)

    def _slices(self, hu):
        slices, height, width = tf.unstack(tf.shape(hu))
        sick = tf.reduce_mean(tf.cast(hu > 0, tf.float32), [1, 2])
        return {
            "slice_probabilities": tf.stack([1 - sick, sick], 1),
            "lesion_probabilities": sick,
            "lesion_map": tf.ones([slices, 4, 4]) * sick[:, None, None],
            "boxes": tf.tile(tf.stack([[0, 0, height // 2, width]]), [slices, 1]),
            "without_lung": sick > 0.5,
        }

    def _scan(self, hu):
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_max(hu) < 30000, ["hu: no CT"])]):
            hu = tf.identity(hu)
        found = self._slices(hu[1:])
        mean = tf.reduce_mean(found["slice_probabilities"], 0)
        index = tf.range(1, tf.shape(hu)[0])
        label = tf.argmax(mean, output_type=tf.int32)
        return found | {"label": label, "probabilities": mean, "by_window": mean[None], "index": index}

    def _cropped(self, hu):
        found = self._slices(hu)
        return {name: found[name] for name in ("slice_probabilities", "lesion_probabilities", "lesion_map")}

    def _images(self, images):
        grey = tf.map_fn(_grey, images, fn_output_signature=tf.uint8)
        return self._slices(tf.cast(grey, tf.int16) - 100)

    def _embed(self, hu):
        return {"features": tf.reduce_mean(tf.cast(hu, tf.float32), 1)[:, None]}

    def _mask(self, hu):
        return {"mask": tf.cast(hu > 0, tf.uint8)}

    def _clicked(self, hu, clicks):
        return {"sum": tf.cast(tf.reduce_sum(hu), tf.float32) + tf.reduce_sum(clicks)}


def _grey(image):
    return tf.io.decode_image(image, 1, expand_animations=False)[..., 0]
