"""Each notebook is a pair: the .ipynb to open has the cells of the .py to read and edit, and nothing else."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = ("explain_a_scan", "export_and_run", "quickstart", "train_with_fit")

jupytext = pytest.importorskip("jupytext", reason="notebooks are read by jupytext: pip install 'tfcovid[notebooks]'")


def cells(file: Path) -> list[tuple[str, str]]:
    """Kind and text of each."""
    settings = jupytext.config.load_jupytext_configuration_file(str(FOLDER / "jupytext.toml"))
    return [(cell.cell_type, cell.source) for cell in jupytext.read(file, config=settings).cells]


def test_all_notebooks_are_known():
    for suffix in (".py", ".ipynb"):
        assert tuple(sorted(file.stem for file in FOLDER.glob(f"*{suffix}"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_two_of_a_pair_are_one_notebook(name):
    """Where this fails: `jupytext --sync notebooks/*.py`, which takes the one that was changed last."""
    script, notebook = FOLDER / f"{name}.py", FOLDER / f"{name}.ipynb"
    assert cells(script) == cells(notebook)
    first = cells(script)[0]
    assert first[0] == "markdown" and "Research use only." in first[1] and "pip install" in first[1]


@pytest.mark.parametrize("name", NAMES)
def test_no_outputs_are_kept(name):
    """They would name folders of the one who ran it, and nobody sees when they are no longer true."""
    notebook = jupytext.read(FOLDER / f"{name}.ipynb")
    assert not [cell.source for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
