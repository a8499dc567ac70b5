import numpy as np

from tfcovid.export.edge_lungs import EdgeLungs
from tfcovid.inference import load_segmenter
from tfcovid.inference.segmentation_system import all_labels
from tfcovid.scans import read_scan


def test_the_lungs_are_those_of_the_segmenter(lungs_bundle, held_out):
    system, scan = load_segmenter(lungs_bundle), read_scan(held_out)

    def run(inputs):
        return {"probabilities": np.asarray(all_labels(system.network.predict_on_batch(inputs["levels"])))}

    found = EdgeLungs(system.config, run, system.hash).lungs(scan.hu, scan.spacing)
    expected = system.lungs(scan.hu, scan.spacing)
    assert expected.any() and not expected.all()
    assert (found != expected).mean() < 1e-4
