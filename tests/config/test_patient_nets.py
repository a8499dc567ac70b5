from typing import get_args

import pytest
from pydantic import TypeAdapter

from tfcovid.config.patient_nets import PatientNet
from tfcovid.networks import AGGREGATORS, aggregator

VARIANTS = {"max": "max_features", "max_scores": "max"}  # kind -> variant, where they differ
OF_PREDICTION = {"kind", "slices", "draws"}
# Small, so that each is built in no time.
SMALL = {
    "multi_scale": {"heads": 1, "head_size": 4, "reduction": 4},
    "eff_mix_conv_e": {"count": 4, "filters": 4, "backbone": "resnet10_compact"},
    "eff_mix_conv_s": {"count": 4, "filters": 4, "backbone": "resnet10_compact"},
}


def kinds():
    union = get_args(PatientNet)[0]
    return [kind for part in get_args(union) for kind in get_args(part.model_fields["kind"].annotation)]


def test_every_aggregator_is_a_kind():
    assert {VARIANTS.get(kind, kind) for kind in kinds()} == set(AGGREGATORS)


@pytest.mark.parametrize("kind", kinds())
def test_the_network_takes_every_key_of_a_kind(kind):
    net = TypeAdapter(PatientNet).validate_python({"kind": kind, **SMALL.get(kind, {})})
    options = net.model_dump(exclude=OF_PREDICTION)
    network = aggregator(3, 3, VARIANTS.get(kind, kind), **options)
    assert network.output_shape == (None, 3)
