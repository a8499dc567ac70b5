"""What a system says of a scan, and the files it is written to."""

import csv
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid.config import Config
from tfcovid.data.network_slices import NetworkSlices, scan_hu
from tfcovid.inference.segmentation import Segmentation, scan_facts
from tfcovid.inference.suspicious_share import suspicious_share
from tfcovid.inference.uncertainty import uncertainty
from tfcovid.into_place import folder_into_place
from tfcovid.notice import RESEARCH_USE
from tfcovid.preprocess import air_lungs, body_mask, lung_region, paste, split_lungs
from tfcovid.scans import Scan, write_nifti
from tfcovid.versions import versions

# What `Diagnosis.save` writes; the first comes last. "diagnosis.json" is of versions that wrote no report.
DIAGNOSIS_FILES = (
    "report.json",
    "report.html",
    "slices.csv",
    "figure.png",
    "lesion_map.nii.gz",
    "lungs.nii.gz",
    "segmentation",
    "diagnosis.json",
)


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The diagnosis of one scan.

    Attributes:
        label: the answer, one of `labels`.
        by_window: CT window centre (HU) -> `(classes,)` probabilities through that window.
        slices: which slices were read, their boxes, and which show no lung.
        slice_probabilities: `(slices read, classes)`.
        lesion_probabilities: `(slices read,)` that a slice shows a lesion, or where the network has no head for that
            (`finds_lesions`), that it is of any label but the first.
        small_map: `(slices read, height, width)` in [0, 1], the lesion map at the network's resolution, in the
            frame of the boxes; None where the network makes none.
        timings: seconds by step.
        answers: `(answers, classes)`: single answers whose mean the probabilities are, see `uncertainty`.
        sources: "windows", "draws" of slices and, of an ensemble, "members": how many of each the answers are of.
        unlike_training: what sets the scan apart from those the system learnt from; None where it does not know them.
        card: the model card of the bundle, Markdown.
        by_member: name of each member of an ensemble -> its probabilities; empty for a single system.
        segmentation: of a scan that was called what the config's `then` names; None where none was to follow.
        not_segmented: why the segmentation that was to follow is missing.
        runtime: what ran the networks: "name", "version", "precision" and, where there is something to say, "note".
    """

    scan: Scan
    labels: tuple[str, ...]
    label: str
    by_window: dict[float, np.ndarray]
    slices: NetworkSlices
    slice_probabilities: np.ndarray
    lesion_probabilities: np.ndarray
    small_map: np.ndarray | None
    settings: dict[str, Any]
    bundle: dict[str, Any]
    timings: dict[str, float]
    answers: np.ndarray
    sources: dict[str, int]
    unlike_training: list[str] | None = None
    card: str = ""
    finds_lesions: bool = True
    by_member: dict[str, list[float]] = field(default_factory=dict)
    segmentation: Segmentation | None = None
    not_segmented: str | None = None
    runtime: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        shown = ", ".join(f"{label} {value:.3f}" for label, value in self.probabilities.items())
        return f"Diagnosis({self.label}: {shown}; {len(self.slices.index)} slices)"

    @property
    def notice(self) -> str:
        """What goes with every result: research use only, and what the system's config adds."""
        return " ".join(filter(None, (RESEARCH_USE, self.settings["notice"])))

    @property
    def probabilities(self) -> dict[str, float]:
        """Label -> probability, the mean over the windows."""
        mean = np.mean(list(self.by_window.values()), axis=0)
        return {label: float(value) for label, value in zip(self.labels, mean, strict=True)}

    @property
    def uncertainty(self) -> dict[str, Any]:
        """How far single answers lie apart, and whether a radiologist should decide; see `uncertainty`.

        So should one of a scan that is unlike those the system learnt from, shows no lung, or was read in spite of an
        error, however sure the system is.
        """
        mean, label = np.array(list(self.probabilities.values())), self.labels.index(self.label)
        found = uncertainty(self.answers, mean, label, self._config)
        reasons = list(found["reasons"])
        if self.unlike_training:
            reasons.append("the scan is unlike those of training")
        if self.slices.without_lung.all():
            reasons.append("no lung was found in any slice")
        reasons += [f"it was read in spite of {f.name}" for f in self.scan.findings if f.severity == "error"]
        return {**found, "refer": bool(reasons), "reasons": reasons, "sources": self.sources}

    @cached_property
    def body(self) -> np.ndarray:
        """`(slices, height, width)` bool, see `tfcovid.preprocess.body_mask`."""
        return body_mask(scan_hu(self.scan, self._config), eight_bit=self.scan.units == "8-bit")

    @cached_property
    def lung_region(self) -> np.ndarray | None:
        """Return where the lesion map may show, see `tfcovid.preprocess.lung_region`; None without outlined lungs."""
        if self.lungs is None:
            return None
        spacing = self.scan.known_spacing
        return lung_region(self.lungs, spacing and spacing[1:])

    @cached_property
    def lesion_map(self) -> np.ndarray | None:
        """`(slices, height, width)` float32 in [0, 1] in the frame of the scan.

        It is 0 where nothing was read, farther than 5 mm from the lungs where the crop outlines them, and else outside
        the body.
        """
        if self.small_map is None:
            return None
        whole = np.empty(self.scan.voxels.shape, np.float32)
        for k, one in enumerate(whole):
            one[:] = self.lesion_map_of(k)
        return whole

    def lesion_map_of(self, k: int) -> np.ndarray:
        """Slice `k` of the lesion map: `(height, width)`, without the memory that the whole map takes."""
        shape = self.scan.voxels.shape[1:]
        read = np.flatnonzero(self.slices.index == k)
        if not len(read):
            return np.zeros(shape, np.float32)
        maps, boxes = self.small_map[read], self.slices.boxes[read]
        if self.lung_region is None:
            return paste(maps, boxes, shape)[0].astype(np.float32, copy=False) * self.body[k]
        # The box may cut through lungs; the map goes on beyond it as far as they do.
        shown = paste(maps, boxes, shape, beyond=1)[0].astype(np.float32, copy=False)
        return shown * (self.lung_region[k] / np.float32(255))

    @cached_property
    def sides(self) -> tuple[np.ndarray, str]:
        """`(slices, height, width)` uint8, 1 left lung, 2 right lung; and what found them, in words."""
        if self.segmentation is not None and self.segmentation.sides is not None:
            return self.segmentation.sides, "the segmentation"
        if self.lungs is not None:
            return split_lungs(self.lungs, self.scan.spacing), "the crop"
        eight_bit = self.scan.units == "8-bit"
        hu = scan_hu(self.scan, self._config)
        return air_lungs(hu, self.scan.spacing, body=self.body, eight_bit=eight_bit), "air within the body"

    @cached_property
    def suspicious(self) -> dict[str, float | None] | None:
        """Per cent of the left, the right and both lungs that the lesion map marks; None without a map."""
        if self.small_map is None:
            return None
        sides, _ = self.sides
        return suspicious_share(map(self.lesion_map_of, range(len(sides))), sides)

    @property
    def _config(self) -> Config:
        return Config.model_validate(self.settings)

    @property
    def lungs(self) -> np.ndarray | None:
        """`(slices, height, width)` bool in the frame of the scan, where the crop outlines lungs."""
        if self.slices.lungs is None:
            return None
        whole = np.zeros(self.scan.voxels.shape, bool)
        whole[self.slices.index] = self.slices.lungs
        return whole

    @property
    def slice_calls(self) -> list[str]:
        """What each slice that was read is called alone: of two labels by the threshold, of more the likeliest."""
        if len(self.labels) == 2:
            called = self.slice_probabilities[:, 1] >= self._config.threshold
        else:
            called = self.slice_probabilities.argmax(axis=1)
        return [self.labels[int(n)] for n in called]

    @property
    def slice_table(self) -> list[dict[str, Any]]:
        """One row a slice, feet to head: where it is, what it shows, which box was read."""
        rows, calls = [], self.slice_calls
        for n, k in enumerate(self.slices.index.tolist()):
            center = [*(side / 2 for side in self.scan.voxels.shape[:0:-1]), k, 1]
            rows.append(
                {
                    "slice": k,
                    "z_mm": round(float(self.scan.affine[2] @ center), 2),
                    "lesion": round(float(self.lesion_probabilities[n]), 4),
                    "label": calls[n],
                    **{
                        f"p_{label}": round(float(p), 4)
                        for label, p in zip(self.labels, self.slice_probabilities[n], strict=True)
                    },
                    **dict(zip(("top", "left", "bottom", "right"), self.slices.boxes[n].tolist(), strict=True)),
                    "without_lung": bool(self.slices.without_lung[n]),
                }
            )
        return rows

    @property
    def summary(self) -> dict[str, Any]:
        """Everything but the pixels, ready for JSON; nothing that names the patient."""
        return {
            "notice": self.notice,
            "diagnosis": self.label,
            "probabilities": self.probabilities,
            "probabilities_by_window_center": {f"{c:g}": p.tolist() for c, p in self.by_window.items()},
            **({"probabilities_by_member": self.by_member} if self.by_member else {}),
            "uncertainty": self.uncertainty,
            "unlike_training": self.unlike_training,
            "suspicious": self.suspicious,
            "scan": scan_facts(self.scan),
            "slices": {
                "read": len(self.slices.index),
                "without_lung": int(self.slices.without_lung.sum()),
                "with_lesion": int((self.lesion_probabilities > 0.5).sum()),
            },
            **({"severity": self.segmentation.severity} if self.segmentation else {}),
            **({"not_segmented": self.not_segmented} if self.not_segmented else {}),
            "bundle": self.bundle,
            "settings": self.settings,
            **({"runtime": self.runtime} if self.runtime else {}),
            "versions": versions(),
            "timings_s": {name: round(seconds, 3) for name, seconds in self.timings.items()},
        }

    def plot(self, path: str | Path | None = None):
        """The paper's figure: every fifth slice with its lesion map beneath, then the probabilities.

        Args:
            path: a PNG to write; without it the matplotlib figure is returned.
        """
        from tfcovid.inference.figure import draw

        figure = draw(self)
        if path is None:
            return figure
        # The same pixels in fewer seconds than with the default of 6, and no more bytes.
        figure.savefig(path, pil_kwargs={"compress_level": 3})
        return None

    def report(self, path: str | Path, identity: bool = False, progress: bool = False) -> None:
        """Writes the report of the scan, one HTML file that loads nothing else; see `tfcovid.report.write_report`.

        Args:
            identity: with who the patient is, which the scan must have been read with.
        """
        from tfcovid.report import write_report

        named = self.scan.identity if identity else None
        write_report(self, path, card=self.card, identity=named, progress=progress)

    def save(self, folder: str | Path, overwrite: bool = False, identity: bool = False, progress: bool = False) -> Path:
        """Writes `report.html`, `report.json`, `slices.csv`, `figure.png`, and where there is one, `lesion_map.nii.gz`,
        `lungs.nii.gz` and a folder `segmentation`, see `Segmentation.save`.

        The lesion map is in per cent (uint8), lungs are 1; both lie in the frame of the file the scan came from, so
        that they open over it. `report.json` (`tfcovid.report.report_schema`) comes last: where it is, all of them are.

        Args:
            identity: `report.html`, and nothing else, says who the patient is.

        Raises:
            InputError: the folder holds something already and `overwrite` is not given, or is no diagnosis.
        """
        return folder_into_place(
            folder, lambda partial: self._write(partial, identity, progress), DIAGNOSIS_FILES, overwrite
        )

    def _write(self, folder: Path, identity: bool, progress: bool) -> None:
        self.body  # noqa: B018, which all threads want
        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(self.plot, folder / "figure.png"), pool.submit(self._write_volumes, folder)]
            self.suspicious  # noqa: B018, on one core; what comes after it draws on all of them
            self._write_report(folder, identity, progress)
            for one in done:
                one.result()

    def _write_volumes(self, folder: Path) -> None:
        if self.small_map is not None:
            slices = map(self.lesion_map_of, range(len(self.scan.voxels)))
            write_nifti(per_cent(slices, self.scan.voxels.shape), folder / "lesion_map.nii.gz", like=self.scan)
        if self.lungs is not None:
            write_nifti(self.lungs, folder / "lungs.nii.gz", like=self.scan)

    def _write_report(self, folder: Path, identity: bool, progress: bool) -> None:
        if self.segmentation is not None:
            self.segmentation.save(folder / "segmentation")
        with (folder / "slices.csv").open("w", newline="", encoding="utf-8") as file:
            table = self.slice_table
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
        self.report(folder / "report.html", identity, progress)
        (folder / "report.json").write_text(json.dumps(self.summary, indent=2) + "\n", encoding="utf-8")


def ready_to_save() -> None:
    """Imports what `Diagnosis.save` needs and the networks do not: half a second that can go by while they load."""
    import nibabel  # noqa: F401
    import scipy.ndimage  # noqa: F401
    import skimage.segmentation  # noqa: F401

    import tfcovid.inference.figure
    import tfcovid.report  # noqa: F401


def per_cent(heat: Iterable[np.ndarray], shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 of a map in [0, 1], slice by slice: a whole scan of 32-bit numbers more would be 0.3 GB."""
    found = np.empty(shape, np.uint8)
    for one, to in zip(heat, found, strict=True):
        np.rint(one * 100, out=to, casting="unsafe")
    return found
