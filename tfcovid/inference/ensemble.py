"""Several systems that answer as one."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.config import Config, load_config, write_config
from tfcovid.errors import InputError
from tfcovid.evaluation.predictions import figure_table, figures, read_predictions, write_predictions
from tfcovid.inference.bundles import find_bundle
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.system import System
from tfcovid.scans import Scan
from tfcovid.versions import versions

_PRECISIONS = "bfloat16", "float16", "float32"  # lowest first


@dataclass
class Ensemble:
    """The mean of the probabilities of its members, and the threshold of its config.

    Members may crop and select as they like; they share the labels and the windows.
    """

    config: Config
    members: dict[str, System]
    facts: dict[str, Any]
    card: str = ""

    @property
    def runtime(self) -> dict[str, str]:
        """Of its members: what runs their networks, in the lowest precision that any of them has."""
        found = [member.runtime for member in self.members.values()]
        return min(found, key=lambda one: _PRECISIONS.index(one["precision"]))

    def predict(self, scan: Scan, progress: bool = False) -> Diagnosis:
        """Diagnoses a scan and, where it is called what `then` names, outlines its infection; see `System.predict`."""
        # The members share what follows, and it follows once.
        return next(iter(self.members.values())).follow_up(self.diagnose(scan, progress), progress)

    def diagnose(self, scan: Scan, progress: bool = False) -> Diagnosis:
        """The diagnosis alone.

        Slices, their probabilities and the lesion map are means where all members read the same boxes of the same
        slices, and otherwise those of the first member.
        """
        by_name, cropped = {}, {}
        for name, member in self.members.items():
            settings = member.config
            # White outside the lungs is brighter than every window of the member.
            window = settings.window if settings.crop.outside == "white" else None
            alike = settings.crop, window, settings.selection, settings.eight_bit, member.finder and member.finder.hash
            by_name[name] = member.diagnose(scan, progress, cropped.get(alike))
            cropped[alike] = by_name[name].slices
        found = list(by_name.values())
        first = found[0]
        by_window = {center: np.mean([one.by_window[center] for one in found], axis=0) for center in first.by_window}
        mean = np.mean(list(by_window.values()), axis=0)
        same = all(
            np.array_equal(one.slices.index, first.slices.index)
            and np.array_equal(one.slices.boxes, first.slices.boxes)
            for one in found
        )
        pooled = found if same else [first]
        maps = [one.small_map for one in pooled]
        return replace(
            first,
            label=self.config.labels[self.config.decide(mean)],
            by_window=by_window,
            by_member={name: list(one.probabilities.values()) for name, one in by_name.items()},
            slice_probabilities=np.mean([one.slice_probabilities for one in pooled], axis=0),
            lesion_probabilities=np.mean([one.lesion_probabilities for one in pooled], axis=0),
            small_map=None if any(one is None or one.shape != maps[0].shape for one in maps) else np.mean(maps, axis=0),
            settings=self.config.model_dump(mode="json"),
            bundle=self.facts,
            answers=np.concatenate([one.answers for one in found]),
            # Members may differ in their draws.
            sources={"windows": len(by_window), "draws": first.sources["draws"], "members": len(found)},
            unlike_training=_of_any([one.unlike_training for one in found]),
            card=self.card,
            runtime=self.runtime,
            finds_lesions=all(one.finds_lesions for one in found),
            timings={name: sum(one.timings[name] for one in found) for name in first.timings},
        )


def _of_any(warnings: Sequence[list[str] | None]) -> list[str] | None:
    """What sets a scan apart for any of the members; None where none of them knows its training scans."""
    known = [one for one in warnings if one is not None]
    return list(dict.fromkeys(text for one in known for text in one)) if known else None


def write_ensemble(
    bundles: Mapping[str, str | Path],
    ensemble: Path,
    threshold: float | None = None,
    out_of_fold: Sequence[dict[str, Any]] | None = None,
) -> None:
    """Writes a bundle whose members are copies of `bundles`, beside `ensemble`, and moves it into place.

    Where all members were validated on the same data, their mean is validated on them too.

    Args:
        bundles: name of each member -> its folder.
        threshold: of two labels, the second is called from here on; by default that of the first member.
        out_of_fold: predictions of scans by members that did not train on them, in place of that.

    Raises:
        InputError: fewer than two bundles, an ensemble among them, other labels or windows, or a bundle that is there.
    """
    if ensemble.exists():
        raise InputError(f"{ensemble} is there already; choose another name.")
    if len(bundles) < 2:
        raise InputError(f"an ensemble has two members or more. Received: {len(bundles)}")
    bundles = {name: find_bundle(folder) for name, folder in bundles.items()}
    configs = {name: load_config(folder / "config.yaml") for name, folder in bundles.items()}
    first = next(iter(configs.values()))
    for name, config in configs.items():
        if not (bundles[name] / "slice.keras").is_file():
            raise InputError(f"{bundles[name]} is no single system; take its members.")
        if _shared(config) != _shared(first):
            raise InputError(
                f"members share labels, windows and `then`: {', '.join(first.labels)} at {first.window.predict}. "
                f"Received: {', '.join(config.labels)} at {config.window.predict} in {bundles[name]}"
            )
    partial = ensemble.with_name(f".{ensemble.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, folder in bundles.items():
        shutil.copytree(folder, partial / "members" / name)
    config = first if threshold is None else first.model_copy(update={"threshold": threshold})
    write_config(config, partial / "config.yaml")
    facts = {
        "format": 1,
        "name": f"{first.name}, {len(bundles)} members",
        "labels": list(first.labels),
        "members": list(bundles),
        "versions": versions(),
    }
    card = _CARD.format(name=facts["name"], members=_members(bundles))
    predictions = out_of_fold or _mean_predictions(config, bundles)
    if predictions:
        found = figures(predictions, config.labels)
        facts["out_of_fold" if out_of_fold else "validation_scans"] = found
        write_predictions(predictions, partial / "validation.csv")
        how = "Out of fold, each scan by members that did not train on it" if out_of_fold else "Validation"
        card += f"\n{how}: {found['scans']} scans of {found['patients']} patients, with 95 % bootstrap intervals.\n\n"
        card += "\n".join(figure_table(found)) + "\n"
    (partial / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (partial / "card.md").write_text(card, encoding="utf-8")
    partial.rename(ensemble)


def _shared(config: Config) -> tuple:
    return config.labels, config.window.predict, config.then


def mean_rows(config: Config, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One prediction of a scan from those of several members."""
    columns = [f"p_{label}" for label in config.labels]
    mean = [sum(row[column] for row in rows) / len(rows) for column in columns]
    called = config.labels[config.decide(mean)]
    return {**rows[0], "called": called, **dict(zip(columns, mean, strict=True))}


def _mean_predictions(config: Config, bundles: Mapping[str, Path]) -> list[dict[str, Any]]:
    """The mean of the members' validation predictions; none unless all saw the same data."""
    files = [folder / "validation.csv" for folder in bundles.values()]
    runs = [folder / "run.json" for folder in bundles.values()]
    if not all(path.is_file() for path in (*files, *runs)):
        return []
    data = {json.loads(run.read_text(encoding="utf-8"))["data_sha256"] for run in runs}
    if len(data) > 1:
        return []
    return [mean_rows(config, rows) for rows in zip(*map(read_predictions, files), strict=True)]


def _members(bundles: Mapping[str, Path]) -> str:
    return "\n".join(f"- [{name}](members/{name}/card.md)" for name in bundles)


_CARD = """# {name}

**Research use only.** Not a medical device; not for diagnosis or treatment.

The mean of the probabilities of these systems, each with a card and figures of its own:

{members}
"""
