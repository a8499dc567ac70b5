from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from tests.layers.shared_check import check
from tfcovid.networks import m3lung_patient

FEATURES = 12
COUNTS = (1, 2, 3, 7, 5)
ABLATIONS = [
    {"scales": (1, 2, 3, 4)},
    {"affinity": "channel"},
    {"normalisation": "sum"},
    {"affinity": "channel", "normalisation": "sum"},
    {"scales": [3]},
    {"refinements": 0},
    {"kind": "max"},
    {"reduction": 5, "activation": "relu", "dropout": 0.5},
]
each_ablation = pytest.mark.parametrize("options", ABLATIONS, ids=lambda options: "-".join(map(str, options.values())))


def small(**options):
    keras.utils.set_random_seed(0)
    network = m3lung_patient(3, FEATURES, **{"heads": 2, "head_size": 4, "scales": (1, 4)} | options)
    if options.get("normalisation") == "sum":  # plain sums of either sign come near zero, where nothing is stable
        network.set_weights([np.abs(weight) / 3 for weight in network.get_weights()])
    return network


@pytest.fixture
def scans():
    """Scans of very unequal length in one batch, with rubbish behind the last slice of each."""
    features = np.random.default_rng(0).uniform(size=(len(COUNTS), 9, FEATURES)).astype("float32")
    mask = np.arange(9) < np.array(COUNTS)[:, None]
    features[~mask] *= 30
    return {"features": features, "slice_mask": mask}


def count(**options):
    # Shapes alone, no memory for the weights; the session is cleared lest a later scope start them after all.
    with keras.StatelessScope(initialize_variables=False):
        network = m3lung_patient(4, **options)
    keras.utils.clear_session()
    return sum(np.prod(weight.shape) for weight in network.weights)


def test_count_of_weights_at_the_sizes_of_the_paper():
    refinement = 3 * (3072 * 6144 + 6144) + 6144 * 3072 + 3072
    aggregation = 3072 + 2 * 3072**2 + 3072
    classifier = 3072 * 4 + 4
    assert count() == 2 * refinement + aggregation + 10 * 3072**2 + 3072 + classifier == 264_305_668
    assert count(scales=[3]) == 2 * refinement + aggregation + 3 * 3072**2 + 3072 + classifier
    assert count(refinements=0) == aggregation + 10 * 3072**2 + 3072 + classifier
    assert count(kind="max") == classifier


def test_count_of_weights_of_the_compact_config():
    configs = Path(__file__).parents[2] / "configs"
    options = yaml.safe_load((configs / "m3lung_compact.yaml").read_text(encoding="utf-8"))["patient_net"]
    options["activation"] = options.pop("reduction_activation")
    assert count(**options) == 53_496_836


@each_ablation
def test_a_batch_of_unequal_scans_equals_one_by_one(options, scans):
    network = small(**options)
    together = np.asarray(network(scans))
    assert together.shape == (5, 3)
    assert np.ptp(together, axis=0).max() > 1e-4, "the scans should differ"
    for found, features, slices in zip(together, scans["features"], COUNTS, strict=True):
        alone = network({"features": features[None, :slices], "slice_mask": np.ones((1, slices), bool)})
        np.testing.assert_allclose(found, alone[0], rtol=1e-4, atol=1e-6)


def shuffled(scans, slices=7):
    """The scan of seven slices, and the same in another order."""
    features = scans["features"][COUNTS.index(slices)][None, :slices]
    mask = np.ones((1, slices), bool)
    order = np.random.default_rng(0).permutation(slices)
    return {"features": features, "slice_mask": mask}, {"features": features[:, order], "slice_mask": mask}


@pytest.mark.parametrize("options", [{"scales": [1]}, {"scales": [1], "affinity": "channel"}, {"kind": "max"}])
def test_a_whole_scan_at_once_has_no_order(options, scans):
    scan, other = shuffled(scans)
    network = small(**options)
    np.testing.assert_allclose(network(scan), network(other), rtol=1e-5)


def test_scales_see_the_order_of_slices(scans):
    scan, other = shuffled(scans)
    network = small(scales=(1, 2))
    assert np.abs(np.asarray(network(scan)) - np.asarray(network(other))).max() > 1e-4


def test_one_head_serves_all_parts_of_all_scales():
    names = [layer.name for layer in small(scales=(1, 2, 5), refinements=3).layers if layer.weights]
    assert sorted(names) == ["aggregate", "disease", "reduce", "refine1", "refine2", "refine3"]


def test_a_kind_that_is_none():
    with pytest.raises(ValueError, match="Received: kind='mean'"):
        m3lung_patient(4, kind="mean")


@pytest.mark.parametrize("options", [{"reduction": 5, "activation": "tanh", "dropout": 0.5}, {"kind": "max"}])
def test_shared_check(options, tmp_path, scans):
    vanishing = () if "kind" in options else ("map2/bias",)  # it adds the same to every score of a softmax
    check(lambda: small(**options), scans, tmp_path, vanishing)
