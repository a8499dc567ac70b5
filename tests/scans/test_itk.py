import sys

import numpy as np
import pytest
import SimpleITK

from tests.scans.chest import chest
from tfcovid.errors import InputError
from tfcovid.scans import read_scan


def image_of(hu):
    image = SimpleITK.GetImageFromArray(hu[::-1, :, ::-1])
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, -1))
    image.SetOrigin((10, 20, 30))
    return image


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd"])
def test_nrrd_and_metaimage_come_out_canonical_and_go_back(tmp_path, suffix):
    hu = chest()
    SimpleITK.WriteImage(image_of(hu), str(tmp_path / f"scan{suffix}"))
    scan = read_scan(tmp_path / f"scan{suffix}")
    np.testing.assert_array_equal(scan.hu, hu)
    np.testing.assert_allclose(scan.affine[:3, 3], [10 - 47 * 0.7, 20, 30 - 11 * 2.5])
    assert scan.spacing == pytest.approx((2.5, 0.8, 0.7))
    np.testing.assert_array_equal(scan.restore(scan.hu), hu[::-1, :, ::-1].transpose())


def test_a_wrong_extension_does_not_matter(tmp_path):
    SimpleITK.WriteImage(image_of(chest()), str(tmp_path / "scan.mha"))
    (tmp_path / "scan.mha").rename(tmp_path / "scan.nii")
    np.testing.assert_array_equal(read_scan(tmp_path / "scan.nii").hu, chest())


def test_without_simpleitk_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "scan.nrrd").write_bytes(b"NRRD0004\n")
    with pytest.raises(InputError, match=r"scan\.nrrd: truncated-file"):
        read_scan(tmp_path / "scan.nrrd")
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(InputError, match=r"pip install tfcovid\[itk\]"):
        read_scan(tmp_path / "scan.nrrd")


def test_colour_is_refused(tmp_path):
    colour = SimpleITK.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(colour, str(tmp_path / "colour.nrrd"))
    with pytest.raises(InputError, match="Got: 3 values"):
        read_scan(tmp_path / "colour.nrrd")
