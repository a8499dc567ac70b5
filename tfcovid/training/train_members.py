"""Several systems of one config, by folds and by seeds, as one bundle."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfcovid.config import Config, Segmenter
from tfcovid.data import Entry, prepare
from tfcovid.data.splits import assign_folds
from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import read_predictions
from tfcovid.inference import lung_finder, write_ensemble
from tfcovid.inference.ensemble import mean_rows
from tfcovid.into_place import into_place
from tfcovid.training.check_duplicates import check_duplicates
from tfcovid.training.train import check_run, train
from tfcovid.training.train_parts import parts_of


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
    if any(isinstance(part, Segmenter) for part in parts_of(config).values()):
        raise InputError(
            f"{config.name} trains segmenters of its own, which --folds and --seeds would do again for every member. "
            "Train them first, as configs with `task: segment`, and name their bundles: lungs=null crop.segmenter=..., "
            "then.segmenter=null then.bundle=..."
        )
    check_run(config, entries, bundle, masks=options.get("masks"))
    work = bundle.with_name(f"{bundle.name}.members")
    plan = list(_plan(config, entries, folds, seeds))
    _same_plan(work, config, plan)
    store = store or bundle.with_name(f"{bundle.name}.store")
    allow, workers = options.get("allow", ()), options.get("workers")
    used = [entry for entry in entries if entry.split != "test"]
    scans, failed = prepare(config, used, store, allow, workers, options.get("progress", False), lung_finder(config))
    if folds:
        # A copy under another patient would fall into another fold, or into that of its twin.
        check_duplicates([replace(scan, entry=replace(scan.entry, split=scan.entry.patient)) for scan in scans], ())
    members = {}
    for name, member_config, member_entries in plan:
        members[name] = work / name
        if not (members[name] / "bundle.json").is_file():
            train(member_config, member_entries, members[name], store, **options)
    write_ensemble(members, bundle, out_of_fold=_out_of_fold(config, members) if folds else None)
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


def _out_of_fold(config: Config, members: dict[str, Path]) -> list[dict[str, Any]]:
    """The mean over the seeds of a fold, all folds in one table."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, folder in members.items():
        fold = name.partition("-")[0]
        for row in read_predictions(folder / "validation.csv"):
            rows.setdefault((fold, row["scan"]), []).append(row)
    return [
        {**mean_rows(config, same), "scan": f"{fold}-{scan}", "patient": f"{fold}-{same[0]['patient']}"}
        for (fold, scan), same in rows.items()
    ]
