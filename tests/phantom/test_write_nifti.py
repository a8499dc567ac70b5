import nibabel as nib
import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.phantom import make_phantom, write_nifti


def test_masks_share_the_lattice_of_the_ct_in_the_patients_frame(tmp_path):
    scan = make_phantom("covid", seed=4, shape=(6, 40, 48), spacing=(31.25, 8.5, 7.75))
    folder = write_nifti(scan, tmp_path / "scan")
    images = {part: nib.load(folder / f"{part}.nii.gz") for part in ("ct", "lungs", "lesions")}
    for part, values in (("ct", scan.hu), ("lungs", scan.lungs), ("lesions", scan.lesions)):
        np.testing.assert_array_equal(np.asarray(images[part].dataobj).transpose(2, 1, 0), values)
        np.testing.assert_array_equal(images[part].affine, images["ct"].affine)
        assert images[part].get_data_dtype() == values.dtype
    assert nib.aff2axcodes(images["ct"].affine) == ("L", "P", "S")

    lungs = np.asarray(images["lungs"].dataobj)
    world = {side: nib.affines.apply_affine(images["lungs"].affine, np.argwhere(lungs == side)) for side in (1, 2)}
    # NIfTI's x grows towards the right of the patient.
    assert world[1][:, 0].max() < world[2][:, 0].min()


def test_a_series_and_a_volume_lie_in_the_same_place(tmp_path):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK, the independent reader, is not installed")
    scan = make_phantom("healthy", seed=1, shape=(4, 32, 40))
    image = sitk.ReadImage(str(write_nifti(scan, tmp_path, parts=("ct",)) / "ct.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), scan.hu)
    np.testing.assert_allclose(image.GetOrigin(), scan.origin[::-1], atol=1e-3)
    np.testing.assert_allclose(image.GetDirection(), np.eye(3).ravel(), atol=1e-6)
    assert not (tmp_path / "lungs.nii.gz").exists()


def test_an_unknown_part_is_refused(tmp_path):
    scan = make_phantom("healthy", seed=1, shape=(2, 32, 32))
    with pytest.raises(InputError, match=r"got 'vessels'$"):
        write_nifti(scan, tmp_path, parts=("ct", "vessels"))
