from pathlib import Path

import keras
from keras import ops

from tfcovid.config import Config, load_config
from tfcovid.errors import InputError
from tfcovid.networks import build, eff_mix_conv, m3lung_slice, outlined_slice, res_dense
from tfcovid.training.start import start_weights


def slice_network(config: Config) -> keras.Model:
    """The slice network of a config, with the weights it names.

    Input: `(batch, height, width, 1)` in [0, 1].
    Output, a dictionary: "disease" `(batch, classes)` probabilities, "features" `(batch, features)`; with M3Lung-Sys
    and where a segmenter outlines also "lesion" and "lesion_map", see `tfcovid.networks.m3lung_slice`.
    """
    settings, shape = config.slice_net, (*config.crop.size, 1)
    options = settings.model_dump(exclude={"kind"})
    options["weights"] = start_weights(options["weights"])
    if settings.kind == "m3lung":
        return m3lung_slice(len(config.labels), shape, **options)
    if settings.kind == "outlined":
        for part, file in (options["weights"] or {}).items():
            _check_window(config, part, Path(file))
        return outlined_slice(len(config.labels), shape, **options)
    classes = 1 if config.head == "sigmoid" else len(config.labels)
    if settings.kind == "res_dense":
        network = res_dense(classes, shape, **options)
    elif settings.kind == "eff_mix_conv":
        network = eff_mix_conv(classes, shape, **options)
    else:
        # Those that only some families have are zero for the others.
        taken = {name: value for name, value in options.items() if value or name == "weights"}
        network = build(taken.pop("variant"), classes, shape, **taken)
    outputs = {"disease": both_labels(network.output), "features": network.get_layer("features").output}
    return keras.Model(network.input, outputs, name=network.name)


def _check_window(config: Config, part: str, file: Path) -> None:
    """Raises an InputError where the frozen segmenter of a bundle was trained through another window."""
    beside = file.with_name("config.yaml")
    if not beside.is_file():
        return
    own, window = load_config(beside).window, config.window
    if {own.center} != {*window.train, *window.predict} or own.width != window.width:
        right = f"{{width: {own.width:g}, train: [{own.center:g}, {own.center:g}], predict: [{own.center:g}]}}"
        raise InputError(
            f"the segmenter slice_net.weights.{part} was trained through {own.center:g}/{own.width:g} and outlines "
            f"something else through another window. Set window: {right}. Received: {window.model_dump(mode='json')}"
        )


def both_labels(probabilities):
    """Probabilities of both labels where one output has that of the second; others as they are."""
    if probabilities.shape[-1] > 1:
        return probabilities
    return ops.concatenate([1 - probabilities, probabilities], axis=-1)
