"""Real scans against SimpleITK and dcm2niix, and what read_scan does with everything that is not a scan."""

import shutil

import nibabel
import numpy as np
import pytest
import SimpleITK

from tests.data_folder import DATA, needs_data
from tests.scans.chest import chest, write_series
from tests.scans.peers import through_dcm2niix, through_itk
from tfcovid.errors import InputError
from tfcovid.scans import read_scan, write_nifti

VOLUMES = DATA / "volumes"
SERIES = ["covid_ct_md/P001_dicom", "cip_ct64/ct-64Dicom", "lungmask_2slices"]
FILES = {
    "covid_ct_md/cap002_256.nii.gz": [],
    "covid_ct_md/normal001_256.nii.gz": [],
    "cip_ct64/ct-64.nii.gz": [],
    "cip_ct64/ct-64.nrrd": [],
    "imlab_uiip_lungmask3d/id001-128x128x64.nii.gz": ["rounded", "padding"],
    "imlab_uiip_lungmask3d/id002-128x128x64.nii.gz": ["rounded", "padding"],
    "imlab_uiip_lungmask3d/id003-128x128x64.nii.gz": ["rounded", "padding"],
    "totalsegmentator_cropped/ct_cropped.nii.gz": ["padding"],
}
MASKS = [
    "cip_ct64/ct-64_lungmask.nii.gz",
    "cip_ct64/lm-64.nrrd",
    "imlab_uiip_lungmask3d/id001-128x128x64-msk.nii.gz",
]


@needs_data
@pytest.mark.parametrize("name", SERIES)
def test_real_series_equal_simpleitk_and_dcm2niix(tmp_path, name):
    folder = VOLUMES / name
    scan = read_scan(folder)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    voxels, affine = through_itk(reader.Execute())
    np.testing.assert_array_equal(scan.hu, voxels)
    np.testing.assert_allclose(scan.affine, affine, atol=1e-5)

    peer = read_scan(through_dcm2niix(folder, tmp_path))
    np.testing.assert_array_equal(scan.hu, peer.hu)
    np.testing.assert_allclose(scan.affine, peer.affine, atol=1e-3)  # its header holds 32-bit numbers

    ours = nibabel.as_closest_canonical(nibabel.load(write_nifti(scan.hu, tmp_path / "ours.nii", like=scan)))
    theirs = nibabel.as_closest_canonical(nibabel.load(tmp_path / "peer.nii"))
    np.testing.assert_array_equal(ours.get_fdata(), theirs.get_fdata().clip(-1024))
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-3)


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_real_volumes_equal_simpleitk(name):
    scan = read_scan(VOLUMES / name)
    voxels, affine = through_itk(SimpleITK.ReadImage(str(VOLUMES / name)))
    np.testing.assert_array_equal(scan.hu, voxels)
    np.testing.assert_allclose(scan.affine, affine, atol=1e-4)
    assert scan.hu.dtype == np.int16 and [finding.name for finding in scan.findings] == FILES[name]


@needs_data
def test_one_scan_in_three_formats_is_one_scan():
    scans = [read_scan(VOLUMES / "cip_ct64" / name) for name in ("ct-64.nrrd", "ct-64.nii.gz", "ct-64Dicom")]
    for scan in scans[1:]:
        np.testing.assert_array_equal(scan.hu, scans[0].hu)
        np.testing.assert_allclose(scan.affine, scans[0].affine, atol=2e-3)  # the DICOM rounds its positions
    assert scans[0].key == scans[1].key


@needs_data
@pytest.mark.parametrize("name", MASKS)
def test_a_label_map_is_refused_in_words(name):
    with pytest.raises(InputError, match=r"not-hu: Values run from"):
        read_scan(VOLUMES / name)


@needs_data
def test_content_decides_and_not_the_extension_or_an_odd_name(tmp_path):
    source = VOLUMES / "cip_ct64"
    expected = read_scan(source / "ct-64.nrrd").hu
    for name, wrong in (("ct-64.nrrd", "a 50% scan.nii"), ("ct-64.nii.gz", "scan %d.png"), ("ct-64.nii.gz", "x.nii")):
        shutil.copy(source / name, tmp_path / wrong)
        np.testing.assert_array_equal(read_scan(tmp_path / wrong).hu, expected)
    shutil.copytree(source / "ct-64Dicom", tmp_path / "100% of it.zip")
    np.testing.assert_array_equal(read_scan(str(tmp_path / "100% of it.zip")).hu, expected)


def test_what_is_no_scan_is_refused_with_what_is_accepted(tmp_path):
    with pytest.raises(InputError, match=r"no such file or folder\. Give a folder of DICOM.*Got: .*absent$"):
        read_scan(tmp_path / "absent")
    with pytest.raises(InputError, match=r"Give a folder of DICOM.*Got: an empty folder$"):
        read_scan(tmp_path)
    (tmp_path / "scan.dcm").write_text("not a scan")
    for path in (tmp_path, tmp_path / "scan.dcm"):
        with pytest.raises(InputError, match=r"Give a folder of DICOM.*Got: no scan, but scan\.dcm$"):
            read_scan(path)
    with pytest.raises(InputError, match=r"names of checks.*Got: \['mising-slices'\]"):
        read_scan(tmp_path, allow=["mising-slices"])


def test_several_volumes_in_a_folder_are_refused_and_one_is_read(tmp_path):
    image = nibabel.Nifti1Image(chest().transpose(), np.eye(4))
    nibabel.save(image, tmp_path / "a.nii")
    assert read_scan(tmp_path).shape == (12, 40, 48)
    nibabel.save(image, tmp_path / "b.nii.gz")
    with pytest.raises(InputError, match=r"holds 2 scans; give one of them\. Got: a\.nii, b\.nii\.gz$"):
        read_scan(tmp_path)
    with pytest.raises(InputError, match="only DICOM has series"):
        read_scan(tmp_path / "a.nii", series="1.2")
    write_series(tmp_path / "dicom", chest())
    scan = read_scan(tmp_path)
    assert [finding.name for finding in scan.findings] == ["other-files"] and "a.nii, b.nii.gz" in str(scan.findings[0])
