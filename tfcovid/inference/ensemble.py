"""Several systems that answer as one."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.config import Config, load_config, write_config
from tfcovid.errors import InputError
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.system import System
from tfcovid.scans import Scan
from tfcovid.versions import versions


@dataclass
class Ensemble:
    """The mean of the probabilities of its members, and the threshold of its config.

    Members may crop and select as they like; they share the labels and the windows.
    """

    config: Config
    members: dict[str, System]
    facts: dict[str, Any]

    def predict(self, scan: Scan, progress: bool = False) -> Diagnosis:
        """Diagnoses a scan; see `System.predict`.

        Slices, their probabilities and the lesion map are means where all members read the same boxes of the same
        slices, and otherwise those of the first member.
        """
        by_name = {name: member.predict(scan, progress) for name, member in self.members.items()}
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
            timings={name: sum(one.timings[name] for one in found) for name in first.timings},
        )


def write_ensemble(bundles: Mapping[str, Path], ensemble: Path, threshold: float | None = None) -> None:
    """Writes a bundle whose members are copies of `bundles`, beside `ensemble`, and moves it into place.

    Args:
        bundles: name of each member -> its folder.
        threshold: of two labels, the second is called from here on; by default that of the first member.

    Raises:
        InputError: fewer than two bundles, an ensemble among them, other labels or windows, or a bundle that is there.
    """
    if ensemble.exists():
        raise InputError(f"{ensemble} is there already; choose another name.")
    if len(bundles) < 2:
        raise InputError(f"an ensemble has two members or more. Received: {len(bundles)}")
    configs = {name: load_config(folder / "config.yaml") for name, folder in bundles.items()}
    first = next(iter(configs.values()))
    for name, config in configs.items():
        if not (bundles[name] / "slice.keras").is_file():
            raise InputError(f"{bundles[name]} is no single system; take its members.")
        if (config.labels, config.window.predict) != (first.labels, first.window.predict):
            raise InputError(
                f"members share labels and windows: {', '.join(first.labels)} at {first.window.predict}. "
                f"Received: {', '.join(config.labels)} at {config.window.predict} in {bundles[name]}"
            )
    partial = ensemble.with_name(f".{ensemble.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, folder in bundles.items():
        shutil.copytree(folder, partial / "members" / name)
    write_config(
        first if threshold is None else first.model_copy(update={"threshold": threshold}), partial / "config.yaml"
    )
    facts = {
        "format": 1,
        "name": f"{first.name}, {len(bundles)} members",
        "labels": list(first.labels),
        "members": list(bundles),
        "versions": versions(),
    }
    (partial / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    (partial / "card.md").write_text(_CARD.format(name=facts["name"], members=_members(bundles)), encoding="utf-8")
    partial.rename(ensemble)


def _members(bundles: Mapping[str, Path]) -> str:
    return "\n".join(f"- [{name}](members/{name}/card.md)" for name in bundles)


_CARD = """# {name}

**Research use only.** Not a medical device; not for diagnosis or treatment.

The mean of the probabilities of these systems, each with a card and figures of its own:

{members}
"""
