import keras
from keras import ops

from tfcovid.config import Config
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


def both_labels(probabilities):
    """Probabilities of both labels where one output has that of the second; others as they are."""
    if probabilities.shape[-1] > 1:
        return probabilities
    return ops.concatenate([1 - probabilities, probabilities], axis=-1)
