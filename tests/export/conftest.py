import cv2
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tests.data_folder import DATA
from tfcovid.scans import read_scan

_SERIES = (
    "covid_ct_md/P001_dicom",
    "covid_ct_md/cap002_256.nii.gz",
    "covid_ct_md/normal001_256.nii.gz",
    "imlab_uiip_lungmask3d/id001-128x128x64.nii.gz",
    "imlab_uiip_lungmask3d/id002-128x128x64.nii.gz",
    "imlab_uiip_lungmask3d/id003-128x128x64.nii.gz",
    "cip_ct64/ct-64Dicom",
    "lungmask_2slices",
    "totalsegmentator_cropped/ct_cropped.nii.gz",
)


@pytest.fixture(scope="session")
def in_graph():
    """Makes a graph of a function of `(slices, height, width)` int16, and whatever other tensors, of any size."""

    def make(function, *others):
        return tf.function(function, [tf.TensorSpec([None] * 3, tf.int16), *others], autograph=False)

    return make


@pytest.fixture
def without_ipp():
    """OpenCV works without Intel's IPP, whose bilinear arithmetic is closed."""
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    yield
    cv2.ipp.setUseIPP(used)


@pytest.fixture(scope="session")
def cloudy():
    """Small stacks of any size from 1 x 1 pixel on, with dark and bright clouds from noise to smooth, HU."""
    rng = np.random.default_rng(7)
    stacks = []
    for _ in range(60):
        clouds = rng.normal(size=rng.integers(1, (5, 70, 70)))
        clouds = ndimage.gaussian_filter(clouds, (0, rng.uniform(0, 4), rng.uniform(0, 4)))
        stacks.append((clouds / (clouds.std() or 1) * 200 - rng.integers(200, 600)).astype(np.int16))
    return stacks


@pytest.fixture(scope="session")
def real_series() -> dict[str, np.ndarray]:
    """Name -> all slices of a real series, HU."""
    return {name: read_scan(DATA / "volumes" / name).hu for name in _SERIES}
