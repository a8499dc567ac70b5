"""Where in a scan a system sees what it calls, and the files that show it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from tfcovid.data.network_slices import network_slices
from tfcovid.errors import InputError
from tfcovid.inference.diagnosis import Diagnosis, per_cent
from tfcovid.inference.ensemble import Ensemble
from tfcovid.inference.segmentation import scan_facts
from tfcovid.inference.system import System
from tfcovid.into_place import folder_into_place
from tfcovid.preprocess import window
from tfcovid.report.side_marks import side_marks
from tfcovid.scans import Scan, write_nifti
from tfcovid.versions import versions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 12  # slices of the sheet
_BATCH = 8  # slices


@dataclass(frozen=True)
class Explanation:
    """A map of what a system finds suspicious in a scan, or of what speaks for one label.

    Attributes:
        heat: `(slices, height, width)` in [0, 1] in the frame of the scan, 0 where `Diagnosis.lesion_map` must be.
        method: how the map was made.
        label: what it speaks for; None for any label but the first.
        share: "left lung", "right lung", "both lungs" -> per cent that the map marks at 0.5, None without a lung.
        lungs_by: how the lungs were found.
        shown: numbers of the slices on the sheet.
        sheets: name of a feature-map sheet -> figure.
    """

    diagnosis: Diagnosis
    heat: np.ndarray
    method: str
    label: str | None
    share: dict[str, float | None]
    lungs_by: str
    shown: list[int]
    sheets: "dict[str, Figure]" = field(default_factory=dict)

    @property
    def map_of(self) -> str:
        """What the map speaks for, in words."""
        return self.label or f"any label but {self.diagnosis.labels[0]}"

    @property
    def warm(self) -> str:
        """What a warm place is, in words."""
        return "suspicious" if self.label is None else f"what speaks for {self.label}"

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Writes `heat_map.nii.gz` (per cent, in the frame of the scan's file), `heat_map.png`, a folder `features` of
        the sheets, and `explanation.json`, which comes last.

        Raises:
            InputError: the folder holds something already and `overwrite` is not given, or other things.
        """
        known = ("explanation.json", "heat_map.nii.gz", "heat_map.png", "features")
        return folder_into_place(folder, self._write, known, overwrite)

    def sheet(self) -> "Figure":
        """The shown slices, head to feet, with the map beneath each."""
        from tfcovid.explain import heat_sheet

        scan, settings = self.diagnosis.scan, self.diagnosis.settings["window"]
        shown = self.shown[::-1]
        pixels = scan.voxels[shown]
        grey = (
            pixels / 255 if scan.units == "8-bit" else window(pixels, np.median(settings["predict"]), settings["width"])
        )
        titles = [f"slice {k}" for k in shown]
        what = f"{self.map_of}, {self.method}; warm is {self.warm}"
        shape, more = scan.spacing[1] / scan.spacing[2], {"sides": side_marks(scan), "notice": self.diagnosis.notice}
        return heat_sheet(grey, self.heat[shown], titles, what, shape, **more)

    def _write(self, folder: Path) -> None:
        scan = self.diagnosis.scan
        write_nifti(per_cent(self.heat, self.heat.shape), folder / "heat_map.nii.gz", like=scan)
        self.sheet().savefig(folder / "heat_map.png")
        if self.sheets:
            (folder / "features").mkdir()
        for name, figure in self.sheets.items():
            figure.savefig(folder / "features" / f"{name}.png")
        facts = {
            "notice": self.diagnosis.notice,
            "diagnosis": self.diagnosis.label,
            "probabilities": self.diagnosis.probabilities,
            "map_of": self.map_of,
            "method": self.method,
            "marked_percent": self.share,
            "lungs_by": self.lungs_by,
            "slices_shown": self.shown,
            "scan": scan_facts(scan),
            "bundle": self.diagnosis.bundle,
            "versions": versions(),
        }
        (folder / "explanation.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def explain_scan(
    system: System | Ensemble,
    scan: Scan,
    *,
    label: str | None = None,
    slices: Sequence[int] = (),
    layers: Sequence[str] = (),
    progress: bool = False,
) -> Explanation:
    """Says where in a scan a system sees what it calls.

    Without `label` the map is the lesion map of the diagnosis: of an ensemble the mean of its members'. For a label it
    is Grad-CAM, of an ensemble that of the first member, on the scale of `EvidenceMap`: tanh(log-odds of a place / 8)
    times the slice's probability of the label, the mean over the windows. Grad-CAM sees no slice mirrored,
    also where the config's `mirror` makes the diagnosis do so.

    Args:
        slices: to show, numbered from the feet; by default twelve spread evenly, the one with the warmest map
            among them. Feature maps are of these slices, or by default of the warmest.
        layers: of the first member's slice network, to show the feature maps of.

    Raises:
        InputError: an unknown label, layer or slice, pixels that the system cannot read, or a system that runs on
            something else than Keras.
    """
    member = next(iter(system.members.values())) if isinstance(system, Ensemble) else system
    config, network = member.config, member.slice_network
    if network is None:
        raise InputError(
            "maps and gradients are those of the Keras networks: give the bundle that `tfcovid train` wrote, on the "
            f"runtime keras. Received: {config.name} on {member.runtime['name']}"
        )
    from tfcovid.explain import feature_maps, feature_sheet

    known = feature_maps(network) if layers else ()
    for layer in layers:
        if layer not in known:
            raise InputError(f"--layer: the network has no such feature maps; --layers lists them. Received: {layer}")
    if label is not None and label not in config.labels:
        raise InputError(f"--label: one of {', '.join(config.labels)}. Received: {label}")
    for k in slices:
        if not 0 <= k < len(scan.voxels):
            raise InputError(f"--slice: from 0 to {len(scan.voxels) - 1}, from the feet. Received: {k}")

    diagnosis = system.diagnose(scan, progress)
    method = "lesion prototypes" if "lesion_map" in network.output else "class activation map"
    mapped = diagnosis
    if label is not None or diagnosis.small_map is None:
        method, cut = "Grad-CAM", diagnosis.slices
        if isinstance(system, Ensemble):
            cut = network_slices(scan, config, finder=member.finder)
        small = _grad_cam(member, cut.hu, None if label is None else config.labels.index(label))
        mapped = replace(diagnosis, small_map=small, slices=cut)
    heat, cut = mapped.lesion_map, mapped.slices
    warmest = int(heat.sum(axis=(1, 2)).argmax())
    shown = sorted(set(slices)) or _spread(len(heat), warmest)
    of_features = sorted(set(slices)) or [warmest]
    sheets = {
        f"{layer.replace('/', '-')}_slice{k}": feature_sheet(network, _seen(member, cut.hu[at])[0], layer)
        for layer in layers
        for k in of_features
        for at in np.flatnonzero(cut.index == k)
    }
    for figure in sheets.values():
        notice = fill(diagnosis.notice, int(16 * figure.get_figwidth()))
        figure.supxlabel(notice, fontsize=7, color="#555555", parse_math=False)
    return Explanation(diagnosis, heat, method, label, mapped.suspicious, mapped.sides[1], shown, sheets)


def _spread(count: int, warmest: int) -> list[int]:
    """Slices evenly from the first to the last, the one next to the warmest moved there."""
    shown = np.unique(np.linspace(0, count - 1, _SHOWN).round().astype(int))
    shown[np.abs(shown - warmest).argmin()] = warmest
    return shown.tolist()


def _seen(member: System, hu: np.ndarray) -> np.ndarray:
    """`(windows, ..., height, width, 1)` as the slice network takes them."""
    settings = member.config.window
    return np.stack([window(hu, float(center), settings.width) for center in settings.predict])[..., None]


def _grad_cam(member: System, hu: np.ndarray, label: int | None) -> np.ndarray:
    from tfcovid.explain import grad_cam
    from tfcovid.layers.evidence_map import SCALE

    maps = []
    for seen in _seen(member, hu):
        found = np.concatenate([_disease(member, seen[at : at + _BATCH]) for at in range(0, len(seen), _BATCH)])
        chance = 1 - found[:, 0] if label is None else found[:, label]
        maps.append(np.tanh(grad_cam(member.slice_network, seen, label) / SCALE) * chance[:, None, None])
    return np.mean(maps, axis=0).astype(np.float32)


def _disease(member: System, seen: np.ndarray) -> np.ndarray:
    # Filled up, so that the network is traced once and not again for the last few slices.
    filled = np.pad(seen, [(0, _BATCH - len(seen))] + [(0, 0)] * (seen.ndim - 1), mode="edge")
    return member.slice_network.predict_on_batch(filled)["disease"][: len(seen)]
