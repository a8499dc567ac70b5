import tensorflow as tf

from tfcovid.export.decide import decide
from tfcovid.export.system_graph import SystemGraph
from tfcovid.inference import Ensemble, System

_POOLED = "slice_probabilities", "lesion_probabilities", "lesion_map"


class ServingModel(tf.Module):
    """A system as TensorFlow graphs that take what a CT scanner gives: whole slices in HU.

    Saved with its `signatures` it needs neither Keras nor tfcovid. All three take one int16 tensor "hu", HU:

    - "serving_default": whole slices `(batch, height, width)` of any size, each read by itself, cropped by its own box;
    - "scan": the whole slices of one scan, `(slices, height, width)`, feet to head, any number of any size;
    - "cropped": `(batch, height, width)` as `tfcovid.data.network_slices` gives them; not where the members of an
      ensemble crop differently.

    Every signature gives "slice_probabilities" `(slices, classes)`, "lesion_probabilities" `(slices,)` that a slice
    shows a lesion and, where the networks make one, "lesion_map" `(slices, height, width)` in [0, 1] in the frame of
    the boxes. The first two add "boxes" `(slices, 4)`: top, left, bottom, right in pixels, bottom and right exclusive,
    and "without_lung" `(slices,)`. "scan" adds the diagnosis: "label" `()`, its number among the labels;
    "probabilities" `(classes,)`, the mean over the CT windows; "by_window" `(windows, classes)`; and "index"
    `(slices,)`, where each slice that was read stands in the scan.

    Of an ensemble slices, their probabilities and the map are means where all members read the same boxes of the same
    slices, and otherwise those of the first member. Draws of slices are those of `System`, by the config's seed.

    Attributes:
        functions: name of each signature -> the function that it is of.

    Raises:
        InputError: a crop that needs a segmenter.
    """

    def __init__(self, system: System | Ensemble):
        super().__init__("serving_model")
        self._config = system.config
        members = list(system.members.values()) if isinstance(system, Ensemble) else [system]
        self._graphs = [SystemGraph(one) for one in members]
        # Held as plain variables: Keras's own objects would be saved along, and wanted again.
        self._weights = [one.value for graph in self._graphs for network in graph.networks for one in network.variables]
        crops = [graph.config.crop for graph in self._graphs]
        functions = {"serving_default": (self._slices, (None, None)), "scan": (self._scan, (None, None))}
        if all(crop == crops[0] for crop in crops):
            functions["cropped"] = self._cropped, crops[0].size
        self.functions = {
            name: tf.function(function, [tf.TensorSpec([None, *sides], tf.int16, "hu")], autograph=False)
            for name, (function, sides) in functions.items()
        }

    @property
    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """As `tf.saved_model.save` takes them."""
        return {name: function.get_concrete_function() for name, function in self.functions.items()}

    def _slices(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        hu = _with_pixels(hu)
        return _joined([graph.slices(hu) for graph in self._graphs])

    def _cropped(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        hu = _with_pixels(hu)
        return _mean([graph.cropped(hu) for graph in self._graphs])

    def _scan(self, hu: tf.Tensor) -> dict[str, tf.Tensor]:
        hu = _with_pixels(hu)
        found = [graph.scan(hu) for graph in self._graphs]
        answers = [{name: one.pop(name) for name in ("label", "by_window")} for one in found]
        by_window = tf.reduce_mean([one["by_window"] for one in answers], 0)
        probabilities = tf.reduce_mean(by_window, 0)
        label = answers[0]["label"] if len(answers) == 1 else decide(self._config, probabilities)
        return {"label": label, "probabilities": probabilities, "by_window": by_window} | _joined(found)


def _with_pixels(hu: tf.Tensor) -> tf.Tensor:
    words = "hu: no pixels; send whole slices, (slices, height, width) int16 in HU. Received: shape"
    with tf.control_dependencies([tf.debugging.Assert(tf.size(hu) > 0, [words, tf.shape(hu)])]):
        return tf.identity(hu)


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
