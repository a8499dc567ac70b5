"""Several systems of one config, by folds and by seeds, as one bundle."""

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfcovid.config import Config
from tfcovid.data import Entry
from tfcovid.data.splits import assign_folds
from tfcovid.errors import InputError
from tfcovid.inference import write_ensemble
from tfcovid.into_place import into_place
from tfcovid.training.bundle import figure_table, figures, write_predictions
from tfcovid.training.train import check_run, train


def train_members(
    config: Config,
    entries: Sequence[Entry],
    bundle: str | Path,
    folds: int | None = None,
    seeds: int = 1,
    store: str | Path | None = None,
    **options: Any,
) -> tuple[Path, list[tuple[Entry, str]]]:
    """Trains a system for every fold and seed and writes them as an ensemble, see `tfcovid.inference.Ensemble`.

    With folds the splits `train` and `val` are joined and dealt out by patient; each system is validated on a fold of
    its own, and the ensemble keeps these out-of-fold predictions and their figures. Without, all have the splits as
    they are. Finished members are kept when a run is stopped.

    Args:
        folds: 2 or more.
        seeds: systems of each fold; their seeds count up from the config's.
        options: as `train` takes them.

    Returns:
        The bundle, and the scans that could not be read with the reason.

    Raises:
        InputError: as `train`, and for a single member.
    """
    bundle = Path(bundle)
    if (folds or 1) * seeds < 2:
        raise InputError(f"an ensemble has two members or more. Received: folds={folds}, seeds={seeds}")
    check_run(config, entries, bundle)
    work = bundle.with_name(f"{bundle.name}.members")
    plan = list(_plan(config, entries, folds, seeds))
    _same_plan(work, config, plan)
    store = store or bundle.with_name(f"{bundle.name}.store")
    members, failed = {}, []
    for name, member_config, member_entries in plan:
        members[name] = work / name
        if not (members[name] / "bundle.json").is_file():
            _, failed = train(member_config, member_entries, members[name], store, **options)
    write_ensemble(members, bundle)
    if folds:
        _write_out_of_fold(config, bundle, members)
    shutil.rmtree(work)
    return bundle, failed


def _plan(
    config: Config, entries: Sequence[Entry], folds: int | None, seeds: int
) -> Iterator[tuple[str, Config, list[Entry]]]:
    """Name, config and entries of each member."""
    used = [entry for entry in entries if entry.split != "test"]
    test = [entry for entry in entries if entry.split == "test"]
    fold_of = assign_folds(used, folds, config.seed) if folds else None
    for fold in range(folds or 1):
        for seed in range(config.seed, config.seed + seeds):
            names = [f"fold{fold + 1}"] * bool(folds) + [f"seed{seed}"] * (seeds > 1)
            split = used
            if folds:
                split = [replace(e, split="val" if f == fold else "train") for e, f in zip(used, fold_of, strict=True)]
            yield "-".join(names), config.model_copy(update={"seed": seed}), [*split, *test]


def _same_plan(work: Path, config: Config, plan: Sequence[tuple[str, Config, list[Entry]]]) -> None:
    """Notes what the members in `work` are, or checks that those already there are of this very plan."""
    members = {name: sorted(f"{e.scan}: {e.label}, {e.split}" for e in entries) for name, _, entries in plan}
    note = work / "plan.json"
    text = json.dumps({"config": config.model_dump(mode="json"), "members": members}, sort_keys=True)
    if note.is_file() and note.read_text(encoding="utf-8") != text:
        raise InputError(
            f"{work} holds members of another config or other data. Go on with those, or delete the folder."
        )
    work.mkdir(parents=True, exist_ok=True)
    into_place(note, lambda path: path.write_text(text, encoding="utf-8"))


def _write_out_of_fold(config: Config, bundle: Path, members: dict[str, Path]) -> None:
    """The mean over the seeds of a fold, then all folds in one table."""
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    for name, folder in members.items():
        fold = name.partition("-")[0]
        with (folder / "validation.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault((fold, row["scan"]), []).append(row)
    columns = [f"p_{label}" for label in config.labels]
    found = [
        {
            "scan": f"{fold}-{scan}",
            "patient": f"{fold}-{same[0]['patient']}",
            "truth": same[0]["truth"],
            **{column: sum(float(row[column]) for row in same) / len(same) for column in columns},
        }
        for (fold, scan), same in rows.items()
    ]
    into_place(bundle / "validation.csv", lambda path: write_predictions(found, path))
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    facts["out_of_fold"] = figures(found, config)
    text = (bundle / "card.md").read_text(encoding="utf-8")
    text += "\nOut of fold, each scan by the members that did not train on it, with 95 % bootstrap intervals:\n\n"
    text += "\n".join(figure_table(facts["out_of_fold"])) + "\n"
    into_place(bundle / "card.md", lambda path: path.write_text(text, encoding="utf-8"))
    text = json.dumps(facts, indent=2) + "\n"
    into_place(bundle / "bundle.json", lambda path: path.write_text(text, encoding="utf-8"))
