import json
from copy import deepcopy
from dataclasses import replace

import jsonschema
import pytest

from tfcovid.report import report_schema


@pytest.fixture(scope="module")
def validator():
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def plain(diagnosis):
    return json.loads(json.dumps(diagnosis.summary))


def test_what_diagnoses_say_is_valid(diagnosis, segmented, validator):
    member = {"a": [0.1, 0.7, 0.1, 0.1], "b": [0.2, 0.5, 0.2, 0.1]}
    failed = replace(diagnosis, by_member=member, not_segmented="8-bit", unlike_training=["slices: 9"])
    for one in (diagnosis, segmented, failed):
        validator.validate(plain(one))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["patient"], "Jane Doe"),
        (["probabilities", "cap"], 6.3),
        (["scan", "key"], "JANE_DOE"),
        (["scan", "path"], "a.dcm"),
        (["uncertainty", "refer"], "yes"),
        (["severity", "lesions", 0, "lung"], "middle lobe"),
        (["scan", "findings", 0, "files"], ["a.dcm"]),
        (["notice"], None),
    ],
)
def test_what_does_not_belong_there_is_refused(segmented, validator, path, value):
    summary = deepcopy(plain(segmented))
    inner = summary
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert [list(error.absolute_path) for error in validator.iter_errors(summary)] in ([path], [path[:-1]])
