from types import SimpleNamespace

import pytest

TRAINING = {"epochs": 3, "batch": 4, "learning_rate": 0.001, "samples": 5}


@pytest.fixture(scope="session")
def segmenters():
    """Makes segmenters: `flat(...)` slice by slice, `solid(...)` on patches; settings of their training, or network."""
    from tfcovid.config.segmenter import Segmenter

    def make(network, settings, more):
        training = {name: value for name, value in settings.items() if name not in network}
        network = network | {name: value for name, value in settings.items() if name in network}
        rest = {"name": "test", "labels": ("background", "lung", "infection")} | more
        return Segmenter(network=network, training=TRAINING | training, **rest)

    def flat(more=None, **settings):
        return make({"kind": "attention_unet", "variant": "attention_unet", "size": (32, 64)}, settings, more or {})

    def solid(more=None, **settings):
        network = {"kind": "unet3d", "patch": (8, 16, 16), "spacing": (20, 6, 6)}
        padding = settings.pop("padding", "same")
        made = make(network, settings, more or {})
        # Unchecked: patches that a network without padding could not take serve to see where they lie.
        return made.model_copy(update={"network": made.network.model_copy(update={"padding": padding})})

    return SimpleNamespace(flat=flat, solid=solid)


@pytest.fixture(scope="session")
def volumes(segmenters, cohort, tmp_path_factory):
    """The phantoms as they lie in the store of each of the two segmenters."""
    from tfcovid.data import prepare_volumes
    from tfcovid.data.layouts.phantom import phantom

    store = tmp_path_factory.mktemp("volumes")
    made = {}
    for name, segmenter in (("flat", segmenters.flat()), ("solid", segmenters.solid())):
        made[name], failed = prepare_volumes(segmenter, phantom(cohort.folder), store)
        assert not failed
    return SimpleNamespace(**made)
