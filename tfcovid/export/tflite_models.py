import keras

from tfcovid.explain.with_map import with_map
from tfcovid.export.edge_patient_model import edge_patient_model
from tfcovid.inference import SegmentationSystem, System
from tfcovid.inference.segmentation_system import all_labels, inference_graph
from tfcovid.networks import fold

CLICKS = 8  # of each kind that a file of a segmenter with guidance takes; those that are not there are -1


def tflite_models(system: System | SegmentationSystem) -> dict[str, keras.Model]:
    """The networks of a system as TFLite is to hold them, each for a batch of one, by the names of their files.

    "slice": "levels" `(1, height, width, 1)` float32, a cropped slice seen through one CT window, in [0, 1], to what
        `with_map` gives of it. Not HU: eight bits of a window are 5 HU apart, of all HU 16.
    "patient", where it has weights: see `edge_patient_model`.
    "lungs", where the crop asks for it, and "segment" of a segmenter of slices: "levels" as above, of the whole slice
        through the segmenter's window, to "probabilities" `(1, height, width, labels)`.
    "segment" of a segmenter of volumes: what `inference_graph` takes, one window with `CLICKS` clicks of each kind, to
        "probabilities" `(1, slices, height, width, labels)`.
    """
    if isinstance(system, SegmentationSystem):
        flat = system.config.network.kind == "attention_unet"
        return {"segment": _outline(system) if flat else _outline_volumes(system)}
    models = {"slice": _slice(system.slice_network)}
    if system.patient_network is not None:
        models["patient"] = edge_patient_model(system.patient_network, batch=1)
    if system.finder is not None:
        models["lungs"] = _outline(system.finder)
    return models


def _slice(network: keras.Model) -> keras.Model:
    levels = keras.Input(batch_shape=(1, *network.input_shape[1:]), name="levels")
    return keras.Model(levels, with_map(network)(levels, training=False), name="slice")


def _outline(system: SegmentationSystem) -> keras.Model:
    levels = keras.Input(batch_shape=(1, *system.network.input_shape[1:]), name="levels")
    probabilities = all_labels(fold(system.network)(levels, training=False))
    return keras.Model(levels, {"probabilities": probabilities}, name="outline")


def _outline_volumes(system: SegmentationSystem) -> keras.Model:
    graph = inference_graph(system.config, fold(system.network))
    given = graph.input if isinstance(graph.input, dict) else {"hu": graph.input}
    shapes = {name: one.shape[1:] for name, one in given.items()}
    if "clicks" in shapes:
        shapes["clicks"] = (2, CLICKS, 3)
    inputs = {name: keras.Input(batch_shape=(1, *shape), dtype=given[name].dtype, name=name)
              for name, shape in shapes.items()}  # fmt: skip
    probabilities = graph(inputs if isinstance(graph.input, dict) else inputs["hu"], training=False)
    return keras.Model(inputs, {"probabilities": probabilities}, name="outline")
