import keras
import numpy as np
import pytest
import tensorflow as tf

from tfcovid.config import load_config
from tfcovid.export.graph.patient_graph import PatientGraph
from tfcovid.inference import System
from tfcovid.training.patient_stage import patient_network

FEATURES, WINDOWS = 12, 2
SMALL_MIX = "count: 34, filters: 36, backbone: resnet10_compact"


def system_of(tiny_settings, *settings):
    """A system whose slice network is of no account, and what its patient network is."""
    config = load_config("demo", [*tiny_settings, *settings])
    keras.utils.set_random_seed(0)
    network = patient_network(config, FEATURES) if config.trains_patients else None
    inputs = keras.Input((32, 32, 1))
    disease = keras.layers.Dense(4, "softmax", name="disease")(keras.layers.Flatten()(inputs))
    return System(config, keras.Model(inputs, {"disease": disease}), network, {})


def slices_of(count, classes=4):
    """Probabilities of the disease head, with both heads joined, and features, of so many slices."""
    rng = np.random.default_rng(count)
    disease, joined = rng.dirichlet(np.ones(classes), (2, count, WINDOWS)).astype("float32")
    return disease, joined, rng.normal(size=(count, WINDOWS, FEATURES)).astype("float32")


@pytest.mark.parametrize(
    "patient_net",
    [
        "{kind: mean}",
        "{kind: max_scores}",
        "{kind: mean, slices: 16, draws: 3}",
        "{kind: max_scores, slices: 2, draws: 2}",
        "{kind: nonparametric, threshold: 0.2}",
        "{kind: nonparametric, threshold: 0.4}",
        "{kind: max}",
        "{kind: multi_scale, heads: 2, head_size: 4, scales: [1, 4]}",
        f"{{kind: eff_mix_conv_e, {SMALL_MIX}, draws: 3}}",
        f"{{kind: eff_mix_conv_s, {SMALL_MIX}, draws: 1}}",
        "{kind: transformer, width: 16, heads: 2}",
        "{kind: lstm, units: 4}",
        "{kind: conv1d, width: 8}",
    ],
)
def test_answers_are_those_of_the_system(tiny_settings, patient_net):
    without = [one for one in tiny_settings if not one.startswith("patient_net.")]
    system = system_of(without, "seed=3", f"patient_net={patient_net}")
    specs = [tf.TensorSpec([None, WINDOWS, size]) for size in (4, 4, FEATURES)]
    graph = tf.function(PatientGraph(system.config, system.patient_network), specs, autograph=False)
    for count in (1, 5, 61):
        label, answers = system._patient(*slices_of(count))
        for _ in range(2):  # no draw may go on where the one before ended
            found_label, by_window = graph(*slices_of(count))
            assert int(found_label) == label
            np.testing.assert_allclose(by_window, answers.mean(axis=0), atol=1e-6)
