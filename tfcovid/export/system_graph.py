import tensorflow as tf

from tfcovid.errors import InputError
from tfcovid.explain.with_map import with_map
from tfcovid.export.body_box import body_box
from tfcovid.export.crop_resize import crop_resize
from tfcovid.export.in_chunks import in_chunks
from tfcovid.export.lung_areas import lung_areas
from tfcovid.export.lung_boxes import lung_boxes
from tfcovid.export.patient_graph import PatientGraph
from tfcovid.export.select_slices import select_slices
from tfcovid.inference import System
from tfcovid.networks import windowed

_CHUNK = 8  # slices that are cropped and read at once, as `System` does


class SystemGraph:
    """What a `System` does with slices and scans, as functions of tensors alone.

    Attributes:
        config: of the system.
        networks: whose weights the functions use.

    Raises:
        InputError: a crop that needs a segmenter.
    """

    def __init__(self, system: System):
        self.config = system.config
        if self.config.crop.method == "attention_unet":
            raise InputError(
                "crop.method: the graph crops by m3, body and none. Export one of those. Received: attention_unet"
            )
        window = self.config.window
        self._windowed = windowed(with_map(system.slice_network), window.predict, window.width, self.config.mirror)
        self._patient = PatientGraph(self.config, system.patient_network)
        self.networks = [one for one in (self._windowed, system.patient_network) if one is not None]

    def scan(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """The diagnosis of a scan, `(slices, height, width)` int16 HU: what `slices` gives of those read, and

        "label" (), "by_window" (windows, classes), and "index" (slices read,), where each stands in the scan.
        """
        index = tf.range(tf.shape(hu)[0])
        if self.config.selection.method == "ssfl":
            length = self.config.selection.length
            start, stop = select_slices(lung_areas(hu), int(length) if length > 1 else float(length))
            index, hu = index[start:stop], hu[start:stop]
        boxes, without_lung = self._boxes(hu, per_scan=self.config.crop.box == "scan")
        outputs = self._read(hu, boxes)
        label, by_window = self._patient(outputs["disease"], outputs["by_slice"], outputs["features"])
        found = {"label": label, "by_window": by_window, "index": index, "boxes": boxes, "without_lung": without_lung}
        return found | _of_slices(outputs)

    def slices(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """Each slice of `(batch, height, width)` int16 HU by itself: what `cropped` gives, "boxes", "without_lung"."""
        boxes, without_lung = self._boxes(hu, per_scan=False)
        return {"boxes": boxes, "without_lung": without_lung} | _of_slices(self._read(hu, boxes))

    def cropped(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """Slices of the network's size, `(batch, height, width)` int16 HU.

        "slice_probabilities" (batch, classes), "lesion_probabilities" (batch,) and, where the network makes one,
        "lesion_map" (batch, height, width); means over the windows.
        """
        return _of_slices(in_chunks(self._outputs, (hu,), _CHUNK))

    def _boxes(self, hu: tf.Tensor, per_scan: bool) -> tuple[tf.Tensor, tf.Tensor]:
        crop = self.config.crop
        if crop.method == "m3":
            return lung_boxes(hu, crop.margin, per_scan=per_scan)
        slices, height, width = tf.unstack(tf.shape(hu))
        without_lung = tf.zeros([slices], bool)
        if crop.method == "none":
            return tf.tile(tf.stack([[0, 0, height, width]]), [slices, 1]), without_lung
        boxes = body_box(hu)
        if per_scan:
            around = tf.concat([tf.reduce_min(boxes[:, :2], 0), tf.reduce_max(boxes[:, 2:], 0)], 0)
            boxes = tf.tile(around[None], [slices, 1])
        return boxes, without_lung

    def _read(self, hu: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
        def read(hu: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._outputs(crop_resize(hu, boxes, self.config.crop.size))

        return in_chunks(read, (hu, boxes), _CHUNK)

    def _outputs(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """Those of the slice network, and "by_slice", `assess_slices` of its heads."""
        outputs = self._windowed(hu[..., None], training=False)
        disease, lesion = outputs["disease"], outputs.get("lesion")
        if lesion is None:
            return outputs | {"by_slice": disease}
        sick = lesion[..., 1:] * disease
        healthy = sick[..., :1] + lesion[..., :1]
        return outputs | {"by_slice": tf.concat([healthy, sick[..., 1:]], -1)}


def _of_slices(outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    joined = tf.reduce_mean(outputs["by_slice"], 1)
    lesion = tf.reduce_mean(outputs["lesion"], 1)[:, 1] if "lesion" in outputs else 1 - joined[:, 0]
    found = {"slice_probabilities": joined, "lesion_probabilities": lesion}
    if "lesion_map" in outputs:
        found["lesion_map"] = outputs["lesion_map"][..., 0]
    return found
