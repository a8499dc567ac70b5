"""The masks of a scan, what they say, and the files they are written to."""

import csv
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.config.segmenter import BACKGROUND, INFECTION, LEFT, RIGHT
from tfcovid.inference.clicks import Clicks
from tfcovid.inference.scroll import write_scroll
from tfcovid.inference.severity import severity
from tfcovid.into_place import folder_into_place
from tfcovid.notice import RESEARCH_USE
from tfcovid.report.mask_colours import mask_colours
from tfcovid.scans import Scan, write_nifti
from tfcovid.versions import versions

# Of every mask that is written, whatever the segmenter outlines.
MASK_LABELS = (BACKGROUND, LEFT, RIGHT, INFECTION)


@dataclass(frozen=True, repr=False)
class Segmentation:
    """The lungs and the infection of one scan.

    Attributes:
        sides: `(slices, height, width)` uint8, 1 left lung, 2 right lung; None where nothing outlined lungs.
        infection: `(slices, height, width)` bool; None where the segmenter does not outline it.
        clicks: that were answered.
        timings: seconds by step.
        lungs_by: name and hash of what outlined the lungs, where that was another segmenter.
        left_out: voxels that the network called infection farther than 5 mm from the lungs, and that are not part of
            `infection`.
        runtime: what ran the network: "name", "version", "precision" and, where there is something to say, "note".
    """

    scan: Scan
    sides: np.ndarray | None
    infection: np.ndarray | None
    clicks: Clicks | None
    settings: dict[str, Any]
    bundle: dict[str, Any]
    timings: dict[str, float]
    lungs_by: dict[str, str] | None = None
    left_out: int = 0
    runtime: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        outlined = [name for name in MASK_LABELS[1:] if (self.masks == MASK_LABELS.index(name)).any()]
        return f"Segmentation({', '.join(outlined) or 'nothing outlined'}; {len(self.scan.voxels)} slices)"

    @property
    def notice(self) -> str:
        """What goes with every result: research use only, and what the segmenter's config adds."""
        return " ".join(filter(None, (RESEARCH_USE, self.settings["notice"])))

    @cached_property
    def masks(self) -> np.ndarray:
        """`(slices, height, width)` uint8, numbers of `MASK_LABELS`; infection over lung."""
        masks = np.zeros(self.scan.voxels.shape, np.uint8) if self.sides is None else self.sides.copy()
        if self.infection is not None:
            masks[self.infection] = MASK_LABELS.index(INFECTION)
        return masks

    @property
    def outlined(self) -> tuple[str, ...]:
        """Names of the numbers in `masks` that it looked for, the background first."""
        return MASK_LABELS if self.infection is not None else MASK_LABELS[:-1]

    @cached_property
    def severity(self) -> dict[str, Any]:
        """Volumes of lungs and infection, share of each lung involved, every lesion; see `severity`.

        Volumes are None where a scan does not say how large a voxel is, and those of lungs where nothing outlined them.
        """
        nothing = np.zeros(self.scan.voxels.shape, np.uint8)
        infection = nothing.astype(bool) if self.infection is None else self.infection
        found = severity(nothing if self.sides is None else self.sides, infection, self.scan.spacing)
        if self.infection is None:
            for row in found["regions"]:
                row |= {"infection_ml": None, "involved_percent": None}
            found |= {"infection_ml": None, "lesion_count": None}
            found |= {"zones": [], "severity_score": None, "severity_most": None}
        if self.sides is None:
            for row in found["regions"]:
                row |= {"volume_ml": None, "infection_ml": None, "involved_percent": None}
        return found if self.scan.known_spacing else _without_volumes(found)

    @property
    def table(self) -> list[dict[str, Any]]:
        """One row a lung and one for both: volume, infection, share involved."""
        return self.severity["regions"]

    @property
    def summary(self) -> dict[str, Any]:
        """Everything but the voxels, ready for JSON; nothing that names the patient."""
        # A slice of lungs that are all infection is not without them.
        without = None if self.sides is None else np.flatnonzero(~self.masks.any(axis=(1, 2))).tolist()
        return {
            "notice": self.notice,
            "labels": {name: number for number, name in enumerate(MASK_LABELS)},
            **self.severity,
            "slices_without_lung": without,
            "clicks": self._clicks(),
            "scan": scan_facts(self.scan),
            "bundle": self.bundle,
            "lungs_by": self.lungs_by,
            "left_out_voxels": self.left_out,
            "settings": self.settings,
            **({"runtime": self.runtime} if self.runtime else {}),
            "versions": versions(),
            "timings_s": {name: round(seconds, 3) for name, seconds in self.timings.items()},
        }

    def _clicks(self) -> dict[str, Any] | None:
        """Where the reader clicked, in voxels of the masks as they lie in memory and in the patient's LPS+ mm."""
        if self.clicks is None:
            return None
        both = {"slice_row_column": (self.clicks.positive, self.clicks.negative), "lps_mm": self.clicks.mm(self.scan)}
        return {
            name: {
                sign: np.round(points, 2).tolist() for sign, points in zip(("positive", "negative"), parts, strict=True)
            }
            for name, parts in both.items()
        }

    def plot(self, path: str | Path | None = None):
        """Evenly chosen slices with contours of the masks.

        Args:
            path: a PNG to write; without it the matplotlib figure is returned.
        """
        from tfcovid.inference.overlay import draw_masks

        figure = draw_masks(self.scan, self.masks, self.outlined, title=self.settings["name"], notice=self.notice)
        if path is None:
            return figure
        figure.savefig(path)
        return None

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Writes the masks in the frame of the file the scan came from, tables and pictures.

        `masks.nii.gz` (numbers of `MASK_LABELS`), `labels.txt` (their names and colours, for ITK-SNAP), `volumes.csv`,
        `lesions.csv`, `figure.png` (contours), `scroll.html` (all slices, in any browser), and last
        `segmentation.json`: where it is, all of them are.

        Raises:
            InputError: the folder holds something already and `overwrite` is not given, or is no segmentation.
        """
        known = (
            "segmentation.json",
            "masks.nii.gz",
            "labels.txt",
            "volumes.csv",
            "lesions.csv",
            "figure.png",
            "scroll.html",
        )
        return folder_into_place(folder, self._write, known, overwrite)

    def _write(self, folder: Path) -> None:
        write_nifti(self.masks, folder / "masks.nii.gz", like=self.scan)
        (folder / "labels.txt").write_text(_snap_labels(), encoding="utf-8")
        _write_rows(self.table, folder / "volumes.csv")
        if self.severity["lesions"]:
            _write_rows(self.severity["lesions"], folder / "lesions.csv")
        self.plot(folder / "figure.png")
        write_scroll(self.scan, self.masks, self.outlined, folder / "scroll.html", notice=self.notice)
        (folder / "segmentation.json").write_text(json.dumps(self.summary, indent=2) + "\n", encoding="utf-8")


def scan_facts(scan: Scan) -> dict[str, Any]:
    """What results say of the scan they belong to; nothing that names the patient."""
    return {
        "key": scan.key,
        "shape": list(scan.voxels.shape),
        "spacing_mm": [round(float(mm), 4) for mm in scan.spacing],
        "units": scan.units,
        "findings": [{"name": f.name, "severity": f.severity, "seen": f.seen, "fix": f.fix} for f in scan.findings],
    }


def _without_volumes(found: dict[str, Any]) -> dict[str, Any]:
    def bare(row: dict[str, Any]) -> dict[str, Any]:
        return {name: None if name == "ml" or name.endswith("_ml") else value for name, value in row.items()}

    return bare(found) | {name: [bare(row) for row in found[name]] for name in ("regions", "zones", "lesions")}


def _write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _snap_labels() -> str:
    """Number, red, green, blue, opacity, visible, visible in 3-D, name."""
    lines = [
        f'{n:5} {red:5} {green:5} {blue:5} {min(n, 1):5} {min(n, 1):3} {min(n, 1):3}    "{name}"'
        for n, ((red, green, blue), name) in enumerate(
            zip(mask_colours(MASK_LABELS).tolist(), MASK_LABELS, strict=True)
        )
    ]
    return "# ITK-SnAP Label Description File\n" + "\n".join(lines) + "\n"
