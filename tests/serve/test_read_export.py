import json

import pytest

from tfcovid.errors import InputError
from tfcovid.serve import Export, read_export


@pytest.fixture
def export(tmp_path):
    (tmp_path / "m3lung" / "1").mkdir(parents=True)
    (tmp_path / "m3lung" / "1" / "saved_model.pb").write_bytes(b"")
    facts = {"labels": ["healthy", "covid-19"], "notice": "Research use only. Phantoms."}
    (tmp_path / "export.json").write_text(json.dumps(facts))
    return tmp_path


def test_an_export_names_its_model_and_labels(export):
    assert read_export(export) == Export("m3lung", ("healthy", "covid-19"), "Research use only. Phantoms.")
    # A second version of the same model.
    (export / "m3lung" / "2").mkdir()
    (export / "m3lung" / "2" / "saved_model.pb").write_bytes(b"")
    assert read_export(export).model == "m3lung"


@pytest.mark.parametrize("damage", ["nothing there", "no model", "two models", "no json", "no labels", "a file"])
def test_what_is_no_export(export, damage):
    if damage == "no model":
        (export / "m3lung" / "1" / "saved_model.pb").unlink()
    if damage == "two models":
        (export / "ssfl" / "1").mkdir(parents=True)
        (export / "ssfl" / "1" / "saved_model.pb").write_bytes(b"")
    if damage == "no json":
        (export / "export.json").write_text("{")
    if damage == "no labels":
        (export / "export.json").write_text("{}")
    folder = {"nothing there": export / "gone", "a file": export / "export.json"}.get(damage, export)
    with pytest.raises(InputError, match=r"--export: .*Received: ") as error:
        read_export(folder)
    assert str(error.value).endswith(str(folder))
