"""Makes the cohort that the shipped lung segmenter was trained and tested on, and prints its figures again.

    python benchmarks/lungs.py DATA WORK            # cohort, and the figures of the shipped bundle on its test split
    python benchmarks/lungs.py DATA WORK --train --start segment.keras    # trains on from the lungs of commit 6cded4d

DATA holds seg2d/lungsegdb_lung (pairs of images and masks), volumes/imlab_uiip_lungmask3d (three CT with lung masks),
volumes/cip_ct64 (one, which only tests), lungs_hu (slices of many people, with effusions and tumours among them) and
infection/ (lungs with COVID-19, whose consolidations touch the wall; persons are split as for the infection). Phantoms
come from a seed. The label of the manifest is where a scan is from, so that figures come for each source; no patient is
in two splits.
"""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import infection
import nibabel as nib
import numpy as np

from tfcovid.data import Entry, write_manifest
from tfcovid.phantom import write_cohort

PAIRS = {"test": ("114", "17", "341", "379"), "val": ("2", "338")}  # the others train
# What differs from configs/lungs.yaml where training goes on: little steps, and pictures after CLAHE.
SETTINGS = (
    "training.epochs=7",
    "training.learning_rate=0.00015",
    "training.ema=0.98",
    "training.keep=last",
    "training.augmentation.gamma=0.5",
    "training.augmentation.local_contrast=0.7",
    "training.augmentation.blur=0.5",
)
STACKS = 9  # of the slices of lungs_hu, about ten each


def cohort(data: Path, work: Path) -> Path:
    """The manifest, with the column lungs."""
    entries = []
    pairs = data / "seg2d" / "lungsegdb_lung"
    for image in sorted((pairs / "images").iterdir()):
        split = next((name for name, stems in PAIRS.items() if image.stem in stems), "train")
        lungs = pairs / "masks" / image.name
        entries.append(Entry(image, f"lungsegdb-{image.stem}", "lungsegdb", split, lungs=lungs))
    volumes = data / "volumes" / "imlab_uiip_lungmask3d"
    for number, split in (("001", "train"), ("002", "train"), ("003", "test")):
        lungs = volumes / f"id{number}-128x128x64-msk.nii.gz"
        scan = volumes / f"id{number}-128x128x64.nii.gz"
        entries.append(Entry(scan, f"imlab-{number}", "imlab-uiip", split, lungs=lungs))
    tiny = data / "volumes" / "cip_ct64"
    entries.append(Entry(tiny / "ct-64.nii.gz", "cip-64", "cip", "test", lungs=tiny / "ct-64_lungmask.nii.gz"))
    phantoms = write_cohort(work / "phantoms", patients=7, seed=11, format="nifti", progress=True)
    for folder in sorted(phantoms.iterdir()):
        for number, scan in enumerate(sorted(folder.iterdir())):
            split = "train" if number < 3 else "val" if number < 4 else "test"
            name = scan.name.removesuffix(".nii.gz")
            lungs = phantoms.with_name("phantoms_masks") / folder.name / f"{name}_lungs.nii.gz"
            entries.append(Entry(scan, name, "phantom", split, lungs=lungs))
    entries += diseased(data / "infection")
    entries += stacks(data / "lungs_hu" / "lung_hu_slices", work / "lungs_hu")
    write_manifest(entries, work / "lungs.csv")
    return work / "lungs.csv"


def diseased(folder: Path) -> Iterator[Entry]:
    """Yield the cases of Ma et al. and the scans of MedSeg with their lungs."""
    for entry in infection.volumes(folder):
        yield replace(entry, lungs=entry.scan.with_name("lung"), lesions=None, mask_values=None)


def stacks(folder: Path, work: Path) -> Iterator[Entry]:
    """Yield slices in HU of a person each in nine stacks, of which the last but one validates and the last tests."""
    work.mkdir(parents=True, exist_ok=True)
    images = [nib.load(folder / f"{name}_256.nii.gz") for name in ("slices_hu", "lungmask")]
    with (folder / "index.csv").open() as file:
        kept = [int(row["k"]) for row in csv.DictReader(file) if not row["duplicate_of"]]
    for number, slices in enumerate(np.array_split(kept, STACKS)):
        paths = [work / f"{number}_{part}.nii.gz" for part in ("ct", "lungs")]
        for image, path in zip(images, paths, strict=True):
            nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[:, :, slices], image.affine), path)
        split = {STACKS - 2: "val", STACKS - 1: "test"}.get(number, "train")
        yield Entry(paths[0], f"lungs-hu-{number}", "lungs-hu", split, lungs=paths[1])


def main() -> None:
    infection.run("lungs", cohort, __doc__, *SETTINGS)


if __name__ == "__main__":
    main()
