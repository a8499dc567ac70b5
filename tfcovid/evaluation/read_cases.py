import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfcovid.data.manifest import read_lines
from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.same_ends import same_ends

_CASE, _TRUTH, _CALLED = ("scan", "id", "case", "name", "image"), ("truth", "label"), ("called", "diagnosis")
# Labels that are of no disease, by their letters and digits.
_NEGATIVE = {"healthy", "normal", "negative", "neg", "control", "controls", "noncovid", "noncovid19", "no", "none", "0"}
_SUM = 1e-3  # what probabilities may miss 1 by without a word
_ROUNDED = 0.005  # what one with two decimals may be off


@dataclass(frozen=True)
class _Row:
    line: int
    cells: dict[str, str]
    name: str  # of the case: its scan, or "scan#slice"
    scan: str

    def first(self, columns: Sequence[str]) -> str | None:
        return next((column for column in columns if column in self.cells), None)


@dataclass(frozen=True)
class _Pair:
    said: _Row
    known: _Row
    name: str  # of the case, as the truth has it
    scan: str


def read_cases(
    predictions: str | Path,
    truth: str | Path | None = None,
    level: str = "scan",
    labels: Sequence[str] | None = None,
    split: str | None = None,
) -> tuple[Predictions, list[str]]:
    """Reads predictions of any system and the truth from CSV tables, and puts them together.

    Args:
        predictions: the columns scan (or id, case, name, image), `p_<label>` for each label, or for two labels only
            that of one of them, or `probability` of the second; if there are, slice, patient, called (or diagnosis),
            truth (or label), and error, which is filled for cases that could not be read.
        truth: scan, label (or truth), and if there are, patient and slice; a manifest is one. Names are those of the
            predictions, or end like them, see `same_ends`. Without, the predictions hold the truth.
        level: "slice", "scan", or "patient", for the means over the scans of each.
        labels: the negative one first; by default the one with a name such as healthy, normal, negative, control or
            non-covid, then the others in the order of the columns.
        split: where the truth has a column split, only its rows of this one count; an empty cell is "train". None and
            "all" take every row.

    Returns:
        The cases that stand in both tables, named as the truth has them, and what there is to know of these and of the
        others, in words.

    Raises:
        InputError: a table, column, number, label or name that is not usable, labels of which it is not known which is
            negative, or no case in both tables.
    """
    notes: list[str] = []
    ours = _rows(predictions, level == "slice")
    theirs = ours if truth is None else _rows(truth, level == "slice")
    source = truth or predictions
    pairs = _pairs(predictions, truth, ours, theirs, split, level == "slice", notes)
    column = pairs[0].known.first(_TRUTH)
    if column is None:
        raise InputError(f"{source}: no column {' or '.join(_TRUTH)}, which says what a case is of.")
    true = [pair.known.cells[column] for pair in pairs]
    if "" in true:
        raise InputError(f"{source}, line {pairs[true.index('')].known.line}: {column} is empty.")
    own = pairs[0].said.first(_TRUTH)
    if truth is not None and own:
        other = [pair.name for pair, label in zip(pairs, true, strict=True) if pair.said.cells[own] not in ("", label)]
        if other:
            notes.append(f"{len(other)} of another {own} in {Path(predictions).name}, which was not used: {other[0]}")
    labels = _labels(predictions, pairs[0].said.cells, labels, true)
    number = {label: n for n, label in enumerate(labels)}
    for pair, label in zip(pairs, true, strict=True):
        if label not in number:
            line = f"{source}, line {pair.known.line}"
            raise InputError(f"{line}: {column} is one of {', '.join(labels)}. Received: {label}")
    found = np.array([_probabilities(predictions, pair.said, labels) for pair in pairs])
    sums = found.sum(axis=1, keepdims=True)
    rounded = np.flatnonzero(abs(sums - 1) > _SUM)
    if len(rounded):
        first = rounded[0]
        notes.append(
            f"{len(rounded)} with probabilities that are rounded and were divided by their sum, for example "
            f"{pairs[first].name}: {sums[first, 0]:.4g}"
        )
        found[rounded] /= sums[rounded]
    likeliest = found.argmax(axis=1)
    called = pairs[0].said.first(_CALLED)
    answers = [pair.said.cells[called] if called else "" for pair in pairs]
    for pair, answer in zip(pairs, answers, strict=True):
        if answer and answer not in number:
            line = f"{predictions}, line {pair.said.line}"
            raise InputError(f"{line}: {called} is one of {', '.join(labels)}. Received: {answer}")
    answered = np.array([number.get(answer, n) for answer, n in zip(answers, likeliest, strict=True)])
    ties = int(((found == found.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
    if ties and called is None:
        notes.append(f"{ties} with several likeliest labels: the first of them, as labels are listed, was called")
    patients = _patients(predictions, truth, pairs, notes)
    if level != "slice":
        notes += _several(patients, true, (answered != likeliest).tolist())
    notes.append(f"labels: {labels[0]} (negative), {', '.join(labels[1:])}")
    if len(set(true)) == 1:
        notes.append(f"all are of {true[0]}: what needs another label is not defined")
    if len(set(patients)) == 1:
        notes.append("all are of one patient: intervals say little")
    truths, names = np.array([number[label] for label in true]), tuple(pair.name for pair in pairs)
    read = Predictions(labels, names, patients, truths, found, answered, "slice" if level == "slice" else "scan")
    return read.by_patient() if level == "patient" else read, notes


def _rows(path: str | Path, slices: bool) -> dict[str, _Row]:
    """By the names of the cases."""
    lines = read_lines(Path(path))
    header = next(iter(lines.values()))
    case = next((name for name in _CASE if name in header), None)
    if case is None:
        raise InputError(f"{path}: no column {', '.join(_CASE)}. Received: {', '.join(header)}")
    if not slices and "slice" in header:
        raise InputError(f"{path}: a column slice, so each row is of a slice; score them by level slice.")
    found: dict[str, _Row] = {}
    for line, cells in lines.items():
        if not cells[case] or cells.get("slice") == "":
            raise InputError(f"{path}, line {line}: a case without a name.")
        name = scan = cells[case]
        if "slice" in header:
            name = f"{scan}#{cells['slice']}"
        elif slices:
            scan = scan.rpartition("#")[0] or scan
        if name in found:
            raise InputError(f"{path}, line {line}: {name} stands on line {found[name].line} already.")
        found[name] = _Row(line, cells, name, scan)
    return found


def _pairs(
    predictions: str | Path,
    truth: str | Path | None,
    ours: Mapping[str, _Row],
    theirs: Mapping[str, _Row],
    split: str | None,
    slices: bool,
    notes: list[str],
) -> list[_Pair]:
    """The predictions of the split that have a truth; says in `notes` what became of the others."""
    pairs = _matched(ours, theirs, slices)
    if not pairs:
        raise InputError(
            f"no case of {predictions} stands in {truth}, for example {next(iter(ours))} and {next(iter(theirs))}: "
            "names must be the same, or one be the end of the other, folder by folder."
        )
    table = Path(truth or predictions).name
    every = split in (None, "all")
    inside = {name for name, row in theirs.items() if every or (row.cells.get("split", split) or "train") == split}
    outside = {name for name, pair in pairs.items() if pair.known.name not in inside}
    failed = {name: row.cells["error"] for name, row in ours.items() if row.cells.get("error") and name not in outside}
    if failed:
        notes.append(f"{len(failed)} could not be read, for example {next(': '.join(one) for one in failed.items())}")
    ends = [(name, pair.name) for name, pair in pairs.items() if name != pair.name]
    if ends:
        notes.append(f"{len(ends)} matched by the ends of their names, for example {' and '.join(ends[0])}")
    if len(inside) < len(theirs):
        notes.append(f"{len(inside)} of {len(theirs)} in {table} are of split {split}; the others were left out")
    without = [name for name in ours if name not in pairs and name not in failed]
    if without:
        notes.append(f"{len(without)} predictions without truth were left out, for example {without[0]}")
    missing = sorted(inside - {pair.known.name for pair in pairs.values()})
    if missing:
        notes.append(f"{len(missing)} of {len(inside)} in {table} without a prediction, e.g. {missing[0]}")
    found = [pair for name, pair in pairs.items() if name not in failed and name not in outside]
    if not found:
        wanted = "" if every else f" of split {split}"
        raise InputError(
            f"{predictions}: no case{wanted} that could be read. Received: {len(failed)} that could not, "
            f"{len(outside)} of other splits, {len(without)} without truth"
        )
    return found


def _matched(ours: Mapping[str, _Row], theirs: Mapping[str, _Row], slices: bool) -> dict[str, _Pair]:
    names = same_ends(ours, theirs)
    if names or not slices:
        return {
            name: _Pair(row, theirs[names[name]], names[name], theirs[names[name]].scan)
            for name, row in ours.items()
            if name in names
        }
    # Truth of whole scans holds for all of their slices.
    scans = same_ends({row.scan: None for row in ours.values()}, theirs)
    return {
        name: _Pair(row, theirs[scans[row.scan]], scans[row.scan] + name.removeprefix(row.scan), scans[row.scan])
        for name, row in ours.items()
        if row.scan in scans
    }


def _several(patients: Sequence[str], true: Sequence[str], otherwise: Sequence[bool]) -> list[str]:
    """What becomes of patients with several scans, of which some are called another label than the likeliest."""
    cases, notes, truths = list(zip(patients, true, strict=True)), [], defaultdict(dict)
    for patient, label in cases:
        truths[patient][label] = None
    change = [patient for patient, labels in truths.items() if len(labels) > 1]
    if change:
        notes.append(
            f"{len(change)} patients with scans of different truths, who count once for each at level patient, for "
            f"example {change[0]}: {', '.join(truths[change[0]])}"
        )
    times = Counter(cases)
    lost = sum(other and times[case] > 1 for case, other in zip(cases, otherwise, strict=True))
    if lost:
        notes.append(
            "patients with several scans are called their likeliest label at level patient; the table calls "
            f"{lost} of these scans otherwise"
        )
    return notes


def _labels(path: str | Path, header: Mapping, labels: Sequence[str] | None, true: list[str]) -> tuple[str, ...]:
    columns = [name[2:] for name in header if name.startswith("p_")]
    if labels is not None:
        labels = tuple(labels)
        if len(set(labels)) != len(labels) or len(labels) < 2:
            raise InputError(f"two labels or more, each once. Received: {', '.join(labels)}")
        one = len(labels) == 2 and (set(columns) < set(labels) if columns else "probability" in header)
        if set(columns) != set(labels) and not one:
            raise InputError(f"{path}: a column p_LABEL for each of {', '.join(labels)}. Received: {', '.join(header)}")
        return labels
    others = sorted(set(true) - set(columns))
    if len(columns) == 1 and len(others) == 1:
        # The one with a column of its own is the positive one, unless its name says otherwise.
        return tuple(sorted((others[0], columns[0]), key=lambda label: not _negative(label)))
    if len(columns) < 2:
        raise InputError(
            f"{path}: with one column of probabilities, name the two labels, the negative one first (--labels A,B), or "
            f"give a column p_LABEL for each label. Received: {', '.join(header)}"
        )
    if sum(map(_negative, columns)) != 1:
        raise InputError(
            f"{path}: which label is the negative one? Name all, that one first: --labels {','.join(columns)}, if that "
            f"is {columns[0]}."
        )
    return tuple(sorted(columns, key=lambda label: not _negative(label)))


def _negative(label: str) -> bool:
    return re.sub("[^a-z0-9]", "", label.lower()) in _NEGATIVE


def _probabilities(path: str | Path, row: _Row, labels: tuple[str, ...]) -> list[float]:
    columns = [name for name in (f"p_{label}" for label in labels) if name in row.cells] or ["probability"]
    cells = [row.cells[column] for column in columns]
    try:
        found = [float(cell) for cell in cells]
    except ValueError:
        found = [np.nan]
    if not all(0 <= p <= 1 for p in found):
        raise InputError(
            f"{path}, line {row.line}: probabilities of {row.name} are numbers from 0 to 1. "
            f"Received: {', '.join(cells)}"
        )
    if len(columns) == 1:
        return [found[0], 1 - found[0]] if columns == [f"p_{labels[0]}"] else [1 - found[0], found[0]]
    if abs(sum(found) - 1) > _ROUNDED * len(found) + 1e-9:
        raise InputError(
            f"{path}, line {row.line}: probabilities of {row.name} add up to 1. Received: {sum(found):.4f}"
        )
    return found


def _patients(
    predictions: str | Path, truth: str | Path | None, pairs: Sequence[_Pair], notes: list[str]
) -> tuple[str, ...]:
    """Whose each case is, as the truth says, else the predictions; else each scan is of another patient."""
    found, without = [], 0
    for pair in pairs:
        known, said = pair.known.cells.get("patient", ""), pair.said.cells.get("patient", "")
        if said and known and said != known:
            raise InputError(
                f"{predictions}, line {pair.said.line}: {pair.said.name} is of patient {known} in {truth}. "
                f"Received: {said}"
            )
        without += not (said or known)
        found.append(known or said or pair.scan)
    if without:
        notes.append(f"{without} without a patient: each scan counts as another patient's")
    return tuple(found)
