from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from tfcovid.export.graph.decide import decide
from tfcovid.export.graph.segmenter_graph import SegmenterGraph
from tfcovid.export.graph.system_graph import SystemGraph
from tfcovid.export.graph.traced import STACK, traced
from tfcovid.inference import Ensemble, SegmentationSystem, System
from tfcovid.scans.checks import HU_FLOOR

_POOLED = "slice_probabilities", "lesion_probabilities", "lesion_map"


class ServingModel:
    """A system or a segmenter as TensorFlow graphs that take what a CT scanner gives: whole slices in HU.

    Saved it needs neither Keras nor tfcovid. Of a system they are

    - "serving_default": whole slices "hu" `(batch, height, width)` int16 HU of any size, each read by itself, cropped
      by its own box;
    - "scan": the whole slices of one scan, `(slices, height, width)`, feet to head, any number of any size;
    - "cropped": `(batch, height, width)` as `tfcovid.data.network_slices` gives them; not where the members of an
      ensemble crop differently;
    - "embed": whole slices to what the patient network reads of them, "features" `(batch, windows, channels)`, of an
      ensemble those of its members behind each other;
    - "image_bytes": "images" `(batch,)`, encoded PNG or JPEG of any sizes; where the config names the window of 8-bit
      pixels;
    - "lungs": a scan to "mask" `(slices, height, width)` bool, where the crop outlines lungs;
    - "segment": what follows the diagnosis of the config's `then`, see `SegmenterGraph`.

    All that read slices give "slice_probabilities" `(slices, classes)`, "lesion_probabilities" `(slices,)` that a slice
    shows a lesion and, where the networks make one, "lesion_map" `(slices, height, width)` in [0, 1] in the frame of
    the boxes; all but "cropped" "boxes" `(slices, 4)`: top, left, bottom, right in pixels, bottom and right exclusive,
    and "without_lung" `(slices,)`. "scan" adds the diagnosis: "label" `()`, its number among the labels;
    "probabilities" `(classes,)`, the mean over the CT windows; "by_window" `(windows, classes)`; and "index"
    `(slices,)`, where each slice that was read stands in the scan.

    Of an ensemble slices, their probabilities and the map are means where all members read the same boxes of the same
    slices, and otherwise those of the first member. Draws of slices are those of `System`, by the config's seed.

    Of a segmenter the signature is "serving_default", see `SegmenterGraph`.

    Attributes:
        signatures: name of each -> its function, whose inputs are named.

    Raises:
        InputError: a crop by a segmenter of volumes.
    """

    def __init__(self, system: System | Ensemble | SegmentationSystem):
        self._config = system.config
        alone = isinstance(system, SegmentationSystem)
        members = list(system.members.values()) if isinstance(system, Ensemble) else [] if alone else [system]
        self._graphs = [SystemGraph(one) for one in members]
        functions = self._of_system() if members else {}
        networks = [network for graph in self._graphs for network in graph.networks]
        outlines = system if alone else members[0].then
        self._segmenter = SegmenterGraph(outlines) if outlines else None
        if self._segmenter:
            functions["serving_default" if alone else "segment"] = self._segmenter, self._segmenter.inputs
            networks.append(self._segmenter.network)
        self._networks = networks
        self.signatures = {name: traced(function, inputs) for name, (function, inputs) in functions.items()}

    @property
    def slice_networks(self) -> list[keras.Model]:
        """Of each member, from cropped slices in HU on."""
        return [graph.slice_network for graph in self._graphs]

    @property
    def segmenter(self) -> keras.Model | None:
        """From HU to probabilities, of a segmenter or of what follows the diagnosis; None without one."""
        return self._segmenter and self._segmenter.network

    def save(self, folder: str | Path) -> None:
        """Writes it as a SavedModel. Weights are plain variables there: Keras's own objects would be wanted again."""
        module = tf.Module()
        module.weights = [one.value for network in self._networks for one in network.variables]
        tf.saved_model.save(module, str(folder), signatures=self.signatures)

    def _of_system(self) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
        crops = [graph.config.crop for graph in self._graphs]
        functions = {name: (function, [STACK]) for name, function in self._of_stacks().items()}
        if all(crop == crops[0] for crop in crops):
            cropped = tf.TensorSpec([None, *crops[0].size], tf.int16, "hu")
            functions["cropped"] = self._on_slices("cropped", of_all=_mean), [cropped]
        if all(graph.config.eight_bit for graph in self._graphs):
            functions["image_bytes"] = self._pictures, [tf.TensorSpec([None], tf.string, "images")]
        return functions

    def _of_stacks(self) -> dict[str, Callable]:
        functions = {"serving_default": self._on_slices("slices"), "scan": self._scan, "embed": self._features}
        if self._config.crop.method == "attention_unet":
            functions["lungs"] = lambda hu: {"mask": self._graphs[0].lungs(_hounsfield(hu))}
        return functions

    def _on_slices(self, name: str, of_all: Callable | None = None) -> Callable:
        """The function of that name of every graph, joined."""

        def function(hu: tf.Tensor) -> dict[str, tf.Tensor]:
            hu = _hounsfield(hu)
            return (of_all or _joined)([getattr(graph, name)(hu) for graph in self._graphs])

        return function

    def _pictures(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        words = "images: none; send (batch,) encoded PNG or JPEG. Received: shape"
        images = _checked(images, tf.size(images) > 0, [words, tf.shape(images)])
        return _joined([graph.pictures(images) for graph in self._graphs])

    def _features(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        hu = _hounsfield(hu)
        return {"features": tf.concat([graph.features(hu) for graph in self._graphs], -1)}

    def _scan(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        hu = _hounsfield(hu)
        found = [graph.scan(hu) for graph in self._graphs]
        answers = [{name: one.pop(name) for name in ("label", "by_window")} for one in found]
        by_window = tf.reduce_mean([one["by_window"] for one in answers], 0)
        probabilities = tf.reduce_mean(by_window, 0)
        label = answers[0]["label"] if len(answers) == 1 else decide(self._config, probabilities)
        return {"label": label, "probabilities": probabilities, "by_window": by_window} | _joined(found)


def _hounsfield(hu: tf.Tensor) -> tf.Tensor:
    """Slices as `tfcovid.read_scan` gives them: padding below air is air. Fails in words for what cannot be HU."""
    words = "hu: no pixels; send whole slices, (slices, height, width) int16 in HU. Received: shape"
    hu = _checked(hu, tf.size(hu) > 0, [words, tf.shape(hu)])
    lowest = tf.reduce_min(hu)
    words = "hu: not Hounsfield units, in which air is near -1000 and fat below 0; these may be grey levels. Received: "
    hu = _checked(hu, lowest < 0, [words + "values from", lowest, "to", tf.reduce_max(hu)])
    return tf.maximum(hu, tf.constant(HU_FLOOR, hu.dtype))


def _checked(value: tf.Tensor, right: tf.Tensor, words: list) -> tf.Tensor:
    with tf.control_dependencies([tf.debugging.Assert(right, words)]):
        return tf.identity(value)


def _joined(found: list[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
    """What the members say of slices, as one."""
    first, *others = found
    if not others:
        return first
    alike = [
        tf.reduce_all([_same(first[name], one[name]) for name in ("index", "boxes") if name in one]) for one in others
    ]
    pooled = tf.cond(tf.reduce_all(alike), lambda: _mean(found), lambda: {name: first[name] for name in _pooled(found)})
    return {name: value for name, value in first.items() if name not in _POOLED} | pooled


def _same(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    return tf.cond(tf.size(one) == tf.size(other), lambda: tf.reduce_all(one == other), lambda: tf.constant(False))


def _mean(found: list[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
    return {name: tf.reduce_mean(tf.stack([one[name] for one in found]), 0) for name in _pooled(found)}


def _pooled(found: list[dict[str, tf.Tensor]]) -> list[str]:
    """What means are taken of; of maps only where all members make one, of the same size."""
    sides = {one["lesion_map"].shape[1:] if "lesion_map" in one else None for one in found}
    return [name for name in _POOLED if name != "lesion_map" or (len(sides) == 1 and None not in sides)]
