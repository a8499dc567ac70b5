import numpy as np
import pytest
import tensorflow as tf

from tfcovid.config import load_config
from tfcovid.errors import InputError
from tfcovid.export.system_graph import SystemGraph
from tfcovid.inference import System
from tfcovid.scans import read_scan


def with_settings(system, tiny_settings, *settings):
    """The slice network of `system` under another config, without a patient network."""
    without = [one for one in tiny_settings if not one.startswith("patient_net.")]
    config = load_config("demo", [*without, "patient_net={kind: mean}", *settings])
    return System(config, system.slice_network, None, system.facts)


@pytest.fixture(scope="module")
def scan(held_out):
    return read_scan(held_out)


@pytest.mark.parametrize(
    "settings",
    [
        ("crop.box=scan", "selection.method=ssfl"),
        ("crop.method=body", "selection={method: ssfl, length: 3}", "window.predict=[-600]"),
        ("crop.method=body", "crop.box=scan", "mirror=true"),
        ("crop.method=none", "window.predict=[-600]"),
    ],
)
def test_a_scan_reads_as_its_config_says(system, tiny_settings, scan, settings, without_ipp):
    other = with_settings(system, tiny_settings, *settings)
    found = SystemGraph(other).scan(tf.constant(scan.hu))
    expected = other.diagnose(scan)
    np.testing.assert_array_equal(found["index"], expected.slices.index)
    np.testing.assert_array_equal(found["boxes"], expected.slices.boxes)
    np.testing.assert_array_equal(found["without_lung"], expected.slices.without_lung)
    np.testing.assert_allclose(found["by_window"], list(expected.by_window.values()), atol=1e-5)
    np.testing.assert_allclose(found["slice_probabilities"], expected.slice_probabilities, atol=1e-5)
    np.testing.assert_allclose(found["lesion_probabilities"], expected.lesion_probabilities, atol=1e-5)
    np.testing.assert_allclose(found["lesion_map"], expected.small_map, atol=1e-5)


def test_a_crop_that_needs_a_segmenter_is_refused(system, tiny_settings):
    with pytest.raises(InputError, match="m3, body and none"):
        SystemGraph(with_settings(system, tiny_settings, "crop.method=attention_unet"))
