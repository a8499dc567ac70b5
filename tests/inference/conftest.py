import keras
import numpy as np
import pytest

from tfcovid.inference import SegmentationSystem
from tfcovid.scans import Scan, read_scan


@pytest.fixture(scope="module")
def diagnosis(system, held_out):
    return system.predict(read_scan(held_out))


@pytest.fixture(scope="session")
def chest():
    """Makes a scan of two lungs in a body, the right one larger, in every slice but the first another size."""

    def make(spacing=(5.0, 2.0, 2.0)):
        hu = np.full((10, 64, 64), 40, np.int16)
        for k in range(1, 10):
            hu[k, 12 : 30 + 2 * k, 8:28] = -800
            hu[k, 16 : 30 + 2 * k, 40:52] = -800
        return Scan.from_array(hu, spacing)

    return make


def _thresholding(shape, weights, bias, activation, classes):
    """A network of one convolution that looks at each voxel alone."""
    rank = len(shape) - 1
    layer = (keras.layers.Conv2D if rank == 2 else keras.layers.Conv3D)(classes, 1, activation=activation)
    inputs = keras.Input(shape)
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.reshape(weights, (*[1] * rank, shape[-1], classes)), np.array(bias)])
    return network


@pytest.fixture(scope="session")
def lung_outliner(tiny_lungs):
    """Calls lung what is darker than -600 HU."""
    config = tiny_lungs.model_copy(update={"notice": "A threshold."})
    return SegmentationSystem(config, _thresholding((32, 32, 1), [-400.0], [200.0], "sigmoid", 1), {"name": "dark"})


@pytest.fixture(scope="session")
def infection_outliner(tiny_infection):
    """Calls infected what lies within 1.2 sigma (12 mm) of a positive click, unless a negative one is nearer."""
    reach = np.exp(-(1.2**2) / 2)
    weights = [[0, 0], [0, 400], [0, -400]]  # CT, positive, negative; background, infection
    network = _thresholding((8, 16, 16, 3), weights, [0, -400 * reach], "softmax", 2)
    settings = tiny_infection.network.model_copy(update={"spacing": (5.0, 2.0, 2.0)})
    config = tiny_infection.model_copy(update={"network": settings})
    return SegmentationSystem(config, network, {"name": "clicked"})
