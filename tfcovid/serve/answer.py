"""What a served model says of a scan, and the files it is written to."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfcovid import __version__
from tfcovid.into_place import folder_into_place
from tfcovid.preprocess import body_mask, from_8bit, lung_region, paste
from tfcovid.scans import Scan, write_nifti

# What `Answer.save` writes; the first comes last.
ANSWER_FILES = ("answer.json", "slices.csv", "lesion_map.nii.gz", "mask.nii.gz", "features.npy")


@dataclass(frozen=True, repr=False)
class Answer:
    """The answer of one signature for one scan; `check_answer` has found it sound.

    Attributes:
        outputs: name -> array, as in `tfcovid.export.ServingModel`.
        labels: names of the classes; None where nobody told.
        asked: who answered: model, version and signature.
        notice: that goes with every result.
        lungs: `(slices, height, width)` bool, where the model outlines them.
    """

    scan: Scan
    outputs: dict[str, np.ndarray]
    labels: tuple[str, ...] | None
    asked: dict[str, Any]
    notice: str
    lungs: np.ndarray | None = None

    @property
    def label(self) -> str | None:
        """What the scan is called; None of a signature that says nothing of a whole scan."""
        return self._names[int(self.outputs["label"])] if "label" in self.outputs else None

    @property
    def probabilities(self) -> dict[str, float]:
        """Name of each class -> its probability for the scan; empty as `label` is None."""
        if "label" not in self.outputs:
            return {}
        return dict(zip(self._names, self.outputs["probabilities"].tolist(), strict=True))

    @property
    def _names(self) -> tuple[str, ...]:
        found = self.outputs.get("slice_probabilities", self.outputs.get("probabilities"))
        return self.labels or tuple(f"class {n}" for n in range(found.shape[-1]))

    @property
    def index(self) -> np.ndarray:
        """`(slices read,)`, where each stands in the scan."""
        return self.outputs.get("index", np.arange(len(self.scan.voxels)))

    @property
    def boxes(self) -> np.ndarray:
        """`(slices read, 4)`; the whole slice where the signature crops nothing."""
        whole = np.array([0, 0, *self.scan.voxels.shape[1:]], np.int32)
        return self.outputs.get("boxes", np.tile(whole, (len(self.index), 1)))

    @property
    def slice_table(self) -> list[dict[str, Any]]:
        """One row a slice that was read, feet to head, as that of `tfcovid.inference.Diagnosis`, but without the call
        of a slice alone, which hangs on a threshold that a server does not tell. Empty without such outputs.
        """
        if "slice_probabilities" not in self.outputs:
            return []
        rows = []
        for n, k in enumerate(self.index.tolist()):
            center = [*(side / 2 for side in self.scan.voxels.shape[:0:-1]), k, 1]
            row = {"slice": k, "z_mm": round(float(self.scan.affine[2] @ center), 2)}
            row["lesion"] = round(float(self.outputs["lesion_probabilities"][n]), 4)
            of_slice = self.outputs["slice_probabilities"][n].tolist()
            row |= {f"p_{name}": round(p, 4) for name, p in zip(self._names, of_slice, strict=True)}
            if "boxes" in self.outputs:
                row |= dict(zip(("top", "left", "bottom", "right"), self.boxes[n].tolist(), strict=True))
            if "without_lung" in self.outputs:
                row["without_lung"] = bool(self.outputs["without_lung"][n])
            rows.append(row)
        return rows

    @property
    def lesion_map(self) -> np.ndarray | None:
        """`(slices, height, width)` uint8, per cent, in the frame of the scan; None where the answer has no map.

        It is 0 where nothing was read, farther than 5 mm from the lungs where the model outlines them, and else outside
        the body.
        """
        if "lesion_map" not in self.outputs:
            return None
        shape, beyond = self.scan.voxels.shape, 0
        if self.lungs is not None:
            spacing = self.scan.known_spacing
            shown, beyond = lung_region(self.lungs, spacing and spacing[1:]) / np.float32(255), 1
        else:
            eight_bit = self.scan.units == "8-bit"
            # Of grey levels the body is found by shape: which window they are taken for does not matter.
            hu = from_8bit(self.scan.voxels, center=-600, width=1500) if eight_bit else self.scan.hu
            shown = body_mask(hu, eight_bit=eight_bit)
        whole = np.zeros(shape, np.uint8)
        for n, k in enumerate(self.index):
            one = paste(self.outputs["lesion_map"][n : n + 1], self.boxes[n : n + 1], shape[1:], beyond=beyond)[0]
            whole[k] = np.rint(one * shown[k] * 100)
        return whole

    @property
    def mask(self) -> np.ndarray | None:
        """`(slices, height, width)` uint8, the mask of a segmenter; None where there is none."""
        return self.outputs["mask"].astype(np.uint8) if "mask" in self.outputs else None

    @property
    def summary(self) -> dict[str, Any]:
        """Everything but the pixels, ready for JSON; nothing that names the patient."""
        found = {"notice": self.notice, "asked": self.asked}
        if "label" in self.outputs:
            found |= {"diagnosis": self.label, "probabilities": self.probabilities}
            found["probabilities_by_window"] = self.outputs["by_window"].tolist()
        if "slice_probabilities" in self.outputs:
            read = {"read": len(self.index)}
            if "without_lung" in self.outputs:
                read["without_lung"] = int(self.outputs["without_lung"].sum())
            found["slices"] = read | {"with_lesion": int((self.outputs["lesion_probabilities"] > 0.5).sum())}
        if "mask" in self.outputs and self.labels:
            found["mask"] = dict(enumerate(self.labels))
        found["scan"] = {
            "key": self.scan.key,
            "shape": list(self.scan.voxels.shape),
            "spacing_mm": [round(float(mm), 4) for mm in self.scan.spacing],
            "units": self.scan.units,
            "findings": [{"name": one.name, "severity": one.severity, "seen": one.seen} for one in self.scan.findings],
        }
        return found | {"tfcovid": __version__}

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Writes `answer.json`, and of `slices.csv`, `lesion_map.nii.gz` (per cent), `mask.nii.gz` and `features.npy`
        those that the answer has. `answer.json` comes last: where it is, all of them are.

        Raises:
            InputError: the folder holds something already and `overwrite` is not given, or is no answer.
        """
        return folder_into_place(folder, self._write, ANSWER_FILES, overwrite)

    def _write(self, folder: Path) -> None:
        for name, volume in (("lesion_map", self.lesion_map), ("mask", self.mask)):
            if volume is not None:
                write_nifti(volume, folder / f"{name}.nii.gz", like=self.scan)
        if "features" in self.outputs:
            np.save(folder / "features.npy", self.outputs["features"])
        if table := self.slice_table:
            with (folder / "slices.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(table[0]))
                writer.writeheader()
                writer.writerows(table)
        (folder / "answer.json").write_text(json.dumps(self.summary, indent=2) + "\n", encoding="utf-8")
