import tensorflow as tf

from tfcovid.errors import InputError
from tfcovid.export.graph.body_box import body_box
from tfcovid.export.graph.crop_resize import crop_resize
from tfcovid.export.graph.filled import filled
from tfcovid.export.graph.from_8bit import from_8bit
from tfcovid.export.graph.in_chunks import in_chunks
from tfcovid.export.graph.lung_areas import lung_areas
from tfcovid.export.graph.lung_boxes import lung_boxes
from tfcovid.export.graph.lung_runs import lung_runs
from tfcovid.export.graph.mask_boxes import mask_boxes
from tfcovid.export.graph.outline_slices import OutlineSlices
from tfcovid.export.graph.patient_graph import PatientGraph
from tfcovid.export.graph.picture_levels import picture_levels
from tfcovid.export.graph.select_slices import select_slices
from tfcovid.export.graph.traced import STACK, traced
from tfcovid.export.graph.without_outside import without_outside
from tfcovid.inference import System
from tfcovid.inference.runtime.read_together import read_together
from tfcovid.inference.segmentation_system import inference_graph
from tfcovid.networks import fold

_CHUNK = 8  # slices that are cropped and read at once, as `System` does


class SystemGraph:
    """What a `System` does with slices and scans, as functions of tensors alone.

    Attributes:
        config: of the system.
        slice_network: from cropped slices in HU on.
        networks: whose weights the functions use.

    Raises:
        InputError: a crop by a segmenter of volumes.
    """

    def __init__(self, system: System):
        self.config = system.config
        self.slice_network = read_together(self.config, system.slice_network)
        self._of_cropped = traced(self._outputs, [tf.TensorSpec([None, *self.config.crop.size], tf.int16)])
        self._of_boxes = traced(self._crop, [STACK, tf.TensorSpec([None, 4], tf.int32)])
        self._patient = PatientGraph(self.config, system.patient_network)
        self._finder = finder = None
        if system.finder is not None:
            if system.finder.config.network.kind != "attention_unet":
                raise InputError(
                    "crop.segmenter: the graph finds lungs slice by slice, by an Attention U-Net. "
                    f"Received: {system.finder.config.network.kind}"
                )
            finder = inference_graph(system.finder.config, fold(system.finder.network))
            self._finder = OutlineSlices(finder)
        self.networks = [one for one in (self.slice_network, system.patient_network, finder) if one is not None]

    def scan(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """The diagnosis of a scan, `(slices, height, width)` int16 HU: what `slices` gives of those read, and

        "label" (), "by_window" (windows, classes), and "index" (slices read,), where each stands in the scan.
        """
        index = tf.range(tf.shape(hu)[0])
        if self.config.selection.method == "ssfl":
            length = self.config.selection.length
            start, stop = select_slices(lung_areas(hu), int(length) if length > 1 else float(length))
            index, hu = index[start:stop], hu[start:stop]
        hu, boxes, without_lung = self._boxes(hu, alone=False)
        outputs = self._read(hu, boxes)
        label, by_window = self._patient(outputs["disease"], outputs["by_slice"], outputs["features"])
        found = {"label": label, "by_window": by_window, "index": index, "boxes": boxes, "without_lung": without_lung}
        return found | _of_slices(outputs)

    def slices(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """Each slice of `(batch, height, width)` int16 HU by itself: what `cropped` gives, "boxes", "without_lung"."""
        hu, boxes, without_lung = self._boxes(hu, alone=True)
        return {"boxes": boxes, "without_lung": without_lung} | _of_slices(self._read(hu, boxes))

    def pictures(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """What `slices` gives of `(batch,)` encoded PNG or JPEG of any sizes, 8-bit grey levels."""

        def cropped(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            hu = from_8bit(picture_levels(encoded), self.config.eight_bit.center, self.config.eight_bit.width)[None]
            hu, boxes, without_lung = self._boxes(hu, alone=True)
            return crop_resize(hu, boxes, self.config.crop.size)[0], boxes[0], without_lung[0]

        made = (
            tf.TensorSpec(self.config.crop.size, tf.int16),
            tf.TensorSpec([4], tf.int32),
            tf.TensorSpec([], tf.bool),
        )
        hu, boxes, without_lung = tf.map_fn(cropped, images, fn_output_signature=made)
        return {"boxes": boxes, "without_lung": without_lung} | self.cropped(hu)

    def features(self, hu: tf.Tensor) -> tf.Tensor:
        """(batch, windows, channels), what the patient network reads of whole slices, each by itself."""
        hu, boxes, _ = self._boxes(hu, alone=True)
        return self._read(hu, boxes)["features"]

    def lungs(self, hu: tf.Tensor) -> tf.Tensor:
        """The lungs that the crop finds in a scan, `(slices, height, width)` bool."""
        return filled(lung_runs(self._finder, hu), tf.shape(hu))

    def cropped(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """Slices of the network's size, `(batch, height, width)` int16 HU.

        "slice_probabilities" (batch, classes), "lesion_probabilities" (batch,) and, where the network makes one,
        "lesion_map" (batch, height, width); means over the windows.
        """
        return _of_slices(in_chunks(self._of_cropped, (hu,), _CHUNK))

    def _boxes(self, hu: tf.Tensor, alone: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Slices to crop, their boxes, and which show no lung. `alone`: each as if it were a scan of one slice."""
        crop = self.config.crop
        per_scan = crop.box == "scan" and not alone
        if crop.method == "m3":
            return hu, *lung_boxes(hu, crop.margin, per_scan=per_scan)
        slices, height, width = tf.unstack(tf.shape(hu))
        if crop.method == "attention_unet":
            lungs = lung_runs(self._finder, hu, per_slice=alone)
            if crop.outside != "keep":
                hu = without_outside(hu, filled(lungs, tf.shape(hu)), self.config)
            return hu, *mask_boxes(lungs, tf.shape(hu), crop.margin, per_scan=per_scan)
        without_lung = tf.zeros([slices], bool)
        if crop.method == "none":
            return hu, tf.tile(tf.stack([[0, 0, height, width]]), [slices, 1]), without_lung
        boxes = body_box(hu)
        if per_scan:
            around = tf.concat([tf.reduce_min(boxes[:, :2], 0), tf.reduce_max(boxes[:, 2:], 0)], 0)
            boxes = tf.tile(around[None], [slices, 1])
        return hu, boxes, without_lung

    def _read(self, hu: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
        return in_chunks(self._of_boxes, (hu, boxes), _CHUNK)

    def _crop(self, hu: tf.Tensor, boxes: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._of_cropped(crop_resize(hu, boxes, self.config.crop.size))

    def _outputs(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        """Those of the slice network, and "by_slice", `assess_slices` of its heads."""
        outputs = self.slice_network(hu[..., None], training=False)
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
