import subprocess
import sys

import pytest

from tfcovid.data.layouts import LAYOUTS, find_layout
from tfcovid.errors import InputError


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_there_and_says_how_to_cite_it_and_its_licence(name):
    find = find_layout(name)
    if name not in ("class-folders", "csv"):
        assert "Cite: " in find.__doc__ and "Licence: " in find.__doc__


@pytest.mark.parametrize("name", sorted(set(LAYOUTS) - {"csv"}))
def test_a_folder_that_is_not_there_or_is_another_data_set_is_refused(name, tmp_path):
    (tmp_path / "other").mkdir()
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match=str(folder)):
            find_layout(name)(folder)


def test_an_unknown_layout_is_told_the_others():
    with pytest.raises(InputError, match=r"covid-ct, covid-ct-md.* Received: covidct"):
        find_layout("covidct")


def test_the_table_of_layouts_needs_no_tensorflow():
    code = "import sys, tfcovid.data.layouts; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
