"""The table of parameters in docs/networks.md says what the networks have."""

import re
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from tfcovid import networks

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
# Two classes everywhere, of masks too but for the lungs'.
BUILDERS = {
    "res_dense": partial(networks.res_dense, 2),
    "eff_mix_conv": partial(networks.eff_mix_conv, 2),
    "m3lung_slice": partial(networks.m3lung_slice, 2),
    "outlined_slice": partial(networks.outlined_slice, 2),
    **{name: partial(networks.attention_unet, variant=name) for name in networks.ATTENTION_UNETS},
    **{name: partial(networks.unet3d, variant=name) for name in networks.UNETS_3D},
    **{name: partial(networks.strided_unet3d, variant=name) for name in networks.STRIDED_UNETS_3D},
    **{
        name: partial(networks.build, name, 2, (64, 128, 128, 1) if family == "resnet3d" else (224, 224, 1))
        for name, family in networks.variants().items()
    },
    "multi_scale": partial(networks.aggregator, 2, 3072, "multi_scale"),
    **{
        name: partial(networks.aggregator, 2, 224, name)
        for name in ("eff_mix_conv_e", "eff_mix_conv_s", "transformer", "lstm", "conv1d")
    },
}


def test_every_network_with_weights_of_its_own_is_in_the_table():
    assert set(ROWS) == set(BUILDERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_parameters(name):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = BUILDERS[name]()
    keras.utils.clear_session()
    assert f"{sum(int(np.prod(weight.shape)) for weight in network.weights):,}" == ROWS[name]
