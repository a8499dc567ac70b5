from tests.data_folder import DATA, needs_data
from tfcovid.data.layouts.lung_pairs import lung_pairs


def test_a_slice_has_the_mask_of_its_name(lay_out, told):
    folder = lay_out("images/17.png", "images/2.png", "images/notes.txt", "masks/2.png", "masks/17.png")
    assert told(lung_pairs(folder)) == [
        ("images/17.png", "17", "unknown", None, "masks/17.png", None),
        ("images/2.png", "2", "unknown", None, "masks/2.png", None),
    ]


def test_the_volumes_of_medseg_have_lungs_and_lesions(lay_out, told):
    folder = lay_out("rp_im/1.nii", "rp_lung_msk/1.nii", "rp_msk/1.nii")
    assert told(lung_pairs(folder)) == [("rp_im/1.nii", "1", "covid", None, "rp_lung_msk/1.nii", "rp_msk/1.nii")]


@needs_data
def test_the_real_pairs_are_all_there():
    entries = lung_pairs(DATA / "seg2d/lungsegdb_lung")
    assert len(entries) == 16 and all(entry.scan.is_file() and entry.lungs.is_file() for entry in entries)
