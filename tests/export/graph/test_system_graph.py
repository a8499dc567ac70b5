import numpy as np
import pytest
import tensorflow as tf

from tfcovid.config import load_config
from tfcovid.errors import InputError
from tfcovid.export.graph.system_graph import SystemGraph
from tfcovid.inference import SegmentationSystem, System, load_segmenter
from tfcovid.scans import Scan, read_scan
from tfcovid.training.segmenter_stage import segmentation_network


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
def test_a_scan_reads_as_its_config_says(system, tiny_settings, scan, settings):
    other = with_settings(system, tiny_settings, *settings)
    assert_same(SystemGraph(other).scan(tf.constant(scan.hu)), other.diagnose(scan))


@pytest.mark.parametrize(
    "settings", [(), ("crop.box=scan", "crop.margin=4"), ("crop.outside=white",), ("crop.outside=mean",)]
)
def test_a_crop_by_a_segmenter_reads_as_its_config_says(system, tiny_settings, scan, settings, without_ipp):
    other = with_settings(system, tiny_settings, "crop.method=attention_unet", "crop.margin=-5", *settings)
    other.finder = load_segmenter("lungs")
    graph, expected = SystemGraph(other), other.diagnose(scan)
    assert_same(graph.scan(tf.constant(scan.hu)), expected)
    np.testing.assert_array_equal(graph.lungs(tf.constant(scan.hu)), expected.slices.lungs)
    assert not expected.slices.without_lung.all()
    alone = graph.slices(tf.constant(scan.hu[3:5]))
    boxes = [other.diagnose(Scan.from_array(scan.hu[k : k + 1], scan.spacing)).slices.boxes[0] for k in (3, 4)]
    np.testing.assert_array_equal(alone["boxes"], boxes)


def test_a_crop_by_a_segmenter_of_volumes_is_refused(system, tiny_settings, tiny_infection):
    other = with_settings(system, tiny_settings, "crop.method=attention_unet")
    other.finder = SegmentationSystem(tiny_infection, segmentation_network(tiny_infection), {})
    with pytest.raises(InputError, match=r"slice by slice.*Received: unet3d"):
        SystemGraph(other)


def assert_same(found, expected):
    np.testing.assert_array_equal(found["index"], expected.slices.index)
    np.testing.assert_array_equal(found["boxes"], expected.slices.boxes)
    np.testing.assert_array_equal(found["without_lung"], expected.slices.without_lung)
    np.testing.assert_allclose(found["by_window"], list(expected.by_window.values()), atol=1e-5)
    np.testing.assert_allclose(found["slice_probabilities"], expected.slice_probabilities, atol=1e-5)
    np.testing.assert_allclose(found["lesion_probabilities"], expected.lesion_probabilities, atol=1e-5)
    np.testing.assert_allclose(found["lesion_map"], expected.small_map, atol=1e-5)
