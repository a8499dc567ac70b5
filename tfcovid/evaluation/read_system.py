import json
from dataclasses import replace
from pathlib import Path

from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.read_cases import read_cases


def read_system(source: str | Path, level: str = "scan") -> tuple[Predictions, list[str]]:
    """What a system said, with the truth, for a comparison.

    Args:
        source: a CSV of predictions with the truth in it, see `read_cases`; a folder that `tfcovid evaluate -o` wrote;
            or a bundle, for its validation scans. These have no names: those of bundles are told to be the same where
            the bundles saw the same data.
        level: "slice", "scan" or "patient".

    Returns:
        The predictions, and what there is to know of them, in words.

    Raises:
        InputError: none of these, or predictions of another level.
    """
    source = Path(source)
    if source.is_file():
        return read_cases(source, None, level)
    if (source / "bundle.json").is_file():
        return _bundle(source, level)
    if (source / "evaluation.json").is_file():
        return _evaluation(source, level)
    raise InputError(
        "no predictions: a CSV with the truth in it, a folder of `tfcovid evaluate BUNDLE MANIFEST -o FOLDER`, or a "
        f"bundle is needed. Received: {source}"
    )


def _evaluation(folder: Path, level: str) -> tuple[Predictions, list[str]]:
    written = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["levels"][0]["level"]
    if level == "slice" and written != "slice":
        if not (folder / "slices.csv").is_file():
            raise InputError(f"{folder} has no slices: their labels were not known. Received: --level slice")
        return read_cases(folder / "slices.csv", None, level)
    if level != written and (level, written) != ("patient", "scan"):
        raise InputError(f"{folder} is an evaluation of {written}s; evaluate again with --level {level}.")
    return read_cases(folder / "predictions.csv", None, level)


def _bundle(folder: Path, level: str) -> tuple[Predictions, list[str]]:
    if not (folder / "validation.csv").is_file():
        raise InputError(
            f"{folder} had no validation scans; take what `tfcovid evaluate {folder} MANIFEST -o OUT` writes."
        )
    if level == "slice":
        raise InputError(f"{folder} knows its validation by scans. Received: --level slice")
    facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    # Numbers stand for scans and patients, and mean the same only where the data are the same.
    runs = [folder / "run.json", *(folder / "members" / name / "run.json" for name in facts.get("members", ()))]
    known = {json.loads(run.read_text(encoding="utf-8"))["data_sha256"] for run in runs if run.is_file()}
    data = known.pop() if len(known) == 1 and "out_of_fold" not in facts else str(folder.resolve())
    found, notes = read_cases(folder / "validation.csv", None, "scan", facts["labels"])
    found = replace(
        found,
        cases=tuple(f"{data}#{case}" for case in found.cases),
        patients=tuple(f"{data}#{patient}" for patient in found.patients),
    )
    notes.append("its own validation, by which its weights may have been chosen, which flatters them")
    return found.by_patient() if level == "patient" else found, notes
