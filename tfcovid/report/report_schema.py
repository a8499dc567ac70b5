import json
from importlib.resources import files
from typing import Any


def report_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of `Diagnosis.summary`, which `diagnosis.json` and `report.json` hold.

    Strict where tfcovid owns the keys; `settings` is a config and `bundle` the facts of a bundle, both left open.
    """
    return json.loads(files("tfcovid.report").joinpath("report.schema.json").read_text(encoding="utf-8"))
