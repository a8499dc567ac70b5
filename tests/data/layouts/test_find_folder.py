import pytest

from tfcovid.data.layouts.find_folder import find_folder
from tfcovid.errors import InputError


def test_the_nearest_folder_of_the_name_is_found_whatever_its_case(tmp_path):
    (tmp_path / "unpacked/Train").mkdir(parents=True)
    (tmp_path / "a/b/c/train").mkdir(parents=True)
    assert find_folder(tmp_path, "Missing", "train") == tmp_path / "unpacked/Train"
    assert find_folder(tmp_path / "a", "train") == tmp_path / "a/b/c/train"


def test_a_folder_too_deep_is_not_looked_for(tmp_path):
    (tmp_path / "a/b/c/train").mkdir(parents=True)
    assert find_folder(tmp_path, "train", needed=False) is None
    with pytest.raises(InputError, match="no folder train in it"):
        find_folder(tmp_path, "train")
