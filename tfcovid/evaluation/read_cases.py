from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from tfcovid.data.manifest import read_table
from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import Predictions

_CASE, _TRUTH, _CALLED = ("scan", "id", "case", "name", "image"), ("truth", "label"), ("called", "diagnosis")
_SUM = 1e-3  # what probabilities may miss 1 by, as rounded ones do


def read_cases(
    predictions: str | Path,
    truth: str | Path | None = None,
    level: str = "scan",
    labels: Sequence[str] | None = None,
) -> tuple[Predictions, list[str]]:
    """Reads predictions of any system and the truth from CSV tables, and puts them together.

    Args:
        predictions: the columns scan (or id, case, name, image), `p_<label>` for each label, or for two labels only
            that of the second, or `probability` of it; if there are, slice, patient, called (or diagnosis), truth (or
            label), and error, which is filled for cases that could not be read.
        truth: scan, label (or truth), and if there are, patient and slice; a manifest is one. Names are those of the
            predictions, or end like them. Without, the predictions hold the truth.
        level: "slice", "scan", or "patient", for the means over the scans of each.
        labels: the negative one first; by default in the order of the columns.

    Returns:
        The cases that stand in both tables, and what there is to know of those that do not, in words.

    Raises:
        InputError: a table, column, number, label or name that is not usable, or no case in both tables.
    """
    rows, notes = read_table(Path(predictions)), []
    case, called, own = (_column(rows, names) for names in (_CASE, _CALLED, _TRUTH))
    if case is None:
        raise InputError(f"{predictions}: no column {', '.join(_CASE)}. Received: {', '.join(rows[0])}")
    by_slice = level == "slice" and "slice" in rows[0]
    if level != "slice" and "slice" in rows[0]:
        raise InputError(f"{predictions}: a column slice, so each row is of a slice; score them by level slice.")
    lines = _by_name(predictions, rows, case, by_slice)
    failed = {name: row["error"] for name, (_, row) in lines.items() if row.get("error")}
    if failed:
        notes.append(f"{len(failed)} could not be read, for example {next(': '.join(one) for one in failed.items())}")
    lines = {name: found for name, found in lines.items() if name not in failed}
    known = lines if truth is None else _join(predictions, truth, lines, set(failed), level == "slice", notes)
    names = [name for name in lines if name in known]
    if not names:
        raise InputError(f"{predictions}: no case that could be read.")
    column = _column([known[names[0]][1]], _TRUTH)
    if column is None:
        raise InputError(f"{truth or predictions}: no column {' or '.join(_TRUTH)}, which says what a case is of.")
    true = [known[name][1][column] for name in names]
    if "" in true:
        raise InputError(f"{truth or predictions}, line {known[names[true.index('')]][0]}: {column} is empty.")
    if truth is not None and own:
        other = [name for name, label in zip(names, true, strict=True) if lines[name][1][own] not in ("", label)]
        if other:
            notes.append(f"{len(other)} of another {own} in {Path(predictions).name}, which was not used: {other[0]}")
    labels = _labels(predictions, rows[0], labels, true)
    unknown = sorted(set(true) - set(labels))
    if unknown:
        raise InputError(
            f"{truth or predictions}: {column} is one of {', '.join(labels)}. Received: {', '.join(unknown)}"
        )
    found = np.array([_probabilities(predictions, *lines[name], name, labels) for name in names])
    ties = int(((found == found.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
    answers = []
    for n, name in enumerate(names):
        line, row = lines[name]
        answer = row.get(called or "") or labels[int(found[n].argmax())]
        if answer not in labels:
            raise InputError(f"{predictions}, line {line}: {called} is one of {', '.join(labels)}. Received: {answer}")
        answers.append(labels.index(answer))
    if ties and called is None:
        notes.append(f"{ties} with several likeliest labels: the first of them, as labels are listed, was called")
    patients = _patients(predictions, truth, names, lines, known, notes)
    notes.append(f"labels: {labels[0]} (negative), {', '.join(labels[1:])}")
    if len(set(true)) == 1:
        notes.append(f"all are of {true[0]}: what needs another label is not defined")
    if len(set(patients)) == 1:
        notes.append("all are of one patient: intervals say little")
    number = np.array([labels.index(label) for label in true])
    kind = "slice" if level == "slice" else "scan"
    read = Predictions(labels, tuple(names), patients, number, found, np.array(answers), kind)
    return read.by_patient() if level == "patient" else read, notes


def _column(rows: Sequence[dict[str, str]], names: Sequence[str]) -> str | None:
    return next((name for name in names if rows and name in rows[0]), None)


def _name(row: dict[str, str], case: str, by_slice: bool) -> str:
    return f"{row[case]}#{row['slice']}" if by_slice else row[case]


def _by_name(path: str | Path, rows: list[dict[str, str]], case: str, by_slice: bool) -> dict[str, tuple[int, dict]]:
    """name -> line and row."""
    found: dict[str, tuple[int, dict]] = {}
    for line, row in enumerate(rows, start=2):
        name = _name(row, case, by_slice)
        if not row[case] or (by_slice and not row["slice"]):
            raise InputError(f"{path}, line {line}: a case without a name.")
        if name in found:
            raise InputError(f"{path}, line {line}: {name} stands on line {found[name][0]} already.")
        found[name] = line, row
    return found


def _join(
    predictions: str | Path, truth: str | Path, lines: dict, failed: set[str], slices: bool, notes: list[str]
) -> dict[str, tuple[int, dict]]:
    """name of a prediction -> line and row of its truth; says in `notes` what is without the other."""
    rows = read_table(Path(truth))
    case = _column(rows, _CASE)
    if case is None:
        raise InputError(f"{truth}: no column {', '.join(_CASE)}. Received: {', '.join(rows[0])}")
    theirs = _by_name(truth, rows, case, slices and "slice" in rows[0])
    # Truth of whole scans holds for all of their slices.
    of_scans = slices and not any("#" in name for name in theirs)
    ours = {name: name.rpartition("#")[0] or name if of_scans else name for name in lines}
    if not set(ours.values()) & set(theirs):
        ends = _ends(dict.fromkeys(ours.values()), theirs)
        if not ends:
            raise InputError(
                f"no case of {predictions} stands in {truth}, for example {next(iter(ours.values()), '-')} and "
                f"{next(iter(theirs))}: names must be the same, or end in the same folders."
            )
        notes.append(f"matched by the ends of their names, for example {' and '.join(next(iter(ends.items())))}")
        ours = {name: ends.get(other, other) for name, other in ours.items()}
        failed = {other for name in failed for other in theirs if name.endswith(other) or other.endswith(name)}
    known = {name: theirs[other] for name, other in ours.items() if other in theirs}
    without = [name for name in ours if name not in known]
    if without:
        notes.append(f"{len(without)} predictions without truth were left out, for example {without[0]}")
    missing = sorted(set(theirs) - {ours[name] for name in known} - failed)
    if missing:
        notes.append(f"{len(missing)} of {len(theirs)} in {Path(truth).name} without a prediction, e.g. {missing[0]}")
    return known


def _ends(ours: Collection[str], theirs: Collection[str]) -> dict[str, str]:
    """Names of ours -> theirs by their last parts, by as few as tell all of them apart on both sides."""
    parts = [{PurePosixPath(name.replace("\\", "/")).parts: name for name in names} for names in (ours, theirs)]
    for count in range(1, 1 + max(len(one) for side in parts for one in side)):
        left, right = ({one[-count:]: name for one, name in side.items()} for side in parts)
        if len(left) == len(ours) and len(right) == len(theirs):
            return {left[end]: right[end] for end in left if end in right}
    return {}


def _labels(path: str | Path, row: dict, labels: Sequence[str] | None, true: list[str]) -> tuple[str, ...]:
    columns = [name[2:] for name in row if name.startswith("p_")]
    if labels is not None:
        labels = tuple(labels)
        if len(set(labels)) != len(labels) or len(labels) < 2:
            raise InputError(f"two labels or more, each once. Received: {', '.join(labels)}")
        if set(columns) != set(labels) and not (
            len(labels) == 2 and (columns == [labels[1]] or (not columns and "probability" in row))
        ):
            raise InputError(f"{path}: a column p_LABEL for each of {', '.join(labels)}. Received: {', '.join(row)}")
        return labels
    if len(columns) > 1:
        return tuple(columns)
    others = sorted(set(true) - set(columns))
    if len(columns) == 1 and len(others) == 1:
        return others[0], columns[0]
    raise InputError(
        f"{path}: with one column of probabilities, name the two labels, the negative one first, or give a column "
        f"p_LABEL for each label. Received: {', '.join(row)}"
    )


def _probabilities(path: str | Path, line: int, row: dict, name: str, labels: tuple[str, ...]) -> list[float]:
    columns = [f"p_{label}" for label in labels]
    single = "probability" if "probability" in row and columns[1] not in row else columns[1]
    alone = len(labels) == 2 and columns[0] not in row
    cells = [row[single]] if alone else [row[column] for column in columns]
    try:
        found = [float(cell) for cell in cells]
    except ValueError:
        found = [np.nan]
    if not all(0 <= p <= 1 for p in found):
        raise InputError(
            f"{path}, line {line}: probabilities of {name} are numbers from 0 to 1. Received: {', '.join(cells)}"
        )
    if alone:
        return [1 - found[0], found[0]]
    if abs(sum(found) - 1) > _SUM:
        raise InputError(f"{path}, line {line}: probabilities of {name} add up to 1. Received: {sum(found):.4f}")
    return found


def _patients(
    predictions: str | Path, truth: str | Path | None, names: list[str], lines: dict, known: dict, notes: list[str]
) -> tuple[str, ...]:
    """Whose each case is, as the truth says, else the predictions; else each scan is of another patient."""
    found, without = [], 0
    for name in names:
        said, ours = known[name][1].get("patient", ""), lines[name][1].get("patient", "")
        if said and ours and said != ours:
            raise InputError(
                f"{predictions}, line {lines[name][0]}: {name} is of patient {said} in {truth}. Received: {ours}"
            )
        without += not (said or ours)
        found.append(said or ours or name.rpartition("#")[0] or name)
    if without:
        notes.append(f"{without} without a patient: each scan counts as another patient's")
    return tuple(found)
