"""Makes the cohort that the shipped `chest_ct` was trained and tested on, and prints its figures again.

    python benchmarks/chest_ct.py DATA WORK            # cohort, and the figures of the shipped bundle on its test split
    python benchmarks/chest_ct.py DATA WORK --train    # trains it anew first, 15 minutes on two cores
    python benchmarks/chest_ct.py DATA WORK --folds    # five bundles, each tested on a fifth of the persons, an hour

DATA holds infection/ (cases of Ma et al., scans and slices of MedSeg), volumes/ and patients/luna_2slices_500series.
Pneumonia: what has masks of infection, the COVID-19 scan P001 and the scan cap002 of another pneumonia. No pneumonia:
scans in HU without it, one with a tumour, and slices of LUNA16, twelve persons to a stack. A scan whose masks are empty
is left out: its person has COVID-19. Persons that tested `infection` test here too.
"""

import argparse
import csv
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import infection
import numpy as np

from tfcovid.data import Entry, slice_targets, write_manifest
from tfcovid.data.label_volume import mask_regions
from tfcovid.evaluation.ranking import ranking
from tfcovid.inference import load
from tfcovid.scans import read_scan
from tfcovid.training.halve_weights import halve_weights
from tfcovid.training.share_parts import share_parts

FREE, ILL = "no-pneumonia", "pneumonia"
TEST = {"normal001", "lungpetctdx_A0002_series3", "id001-128x128x64", "id002-128x128x64"}
VAL = {"id003-128x128x64", "lidc_0003_crop"}
LUNA = 40  # stacks
ALLOWED = tuple(word for word in infection.ALLOW if word != "--allow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--folds", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    manifest, bundle, store = cohort(options.data, options.work), "chest_ct", options.work / "chest_ct.store"
    if options.folds:
        bundle = options.work / "chest_ct_folds"
        every = manifest.with_name("chest_ct_every.csv")
        train(every, bundle, store, "--folds", "5")
        subprocess.run(["tfcovid", "evaluate", bundle / "validation.csv"], check=True)
        return
    if options.train:
        bundle = options.work / "chest_ct_bundle"
        train(manifest, bundle, store)
        halve_weights(bundle)
        share_parts(bundle)
    figures(bundle, options.data, manifest)


def train(manifest: Path, bundle: Path, store: Path, *how: str) -> None:
    words = ["tfcovid", "train", "chest_ct", manifest, "-o", bundle, "--store", store, *infection.ALLOW, *how]
    subprocess.run(words, check=True)


def figures(bundle: str | Path, data: Path, manifest: Path) -> None:
    """Print the evaluation of the test split, and how slices of two scans with labels are ranked."""
    subprocess.run(["tfcovid", "evaluate", bundle, manifest, *infection.ALLOW], check=True)
    system = load(bundle, precision="float32")
    print("\n| scan | split | called | pneumonia | slices with lesions | AUC | referred, and why |")
    print("|---|---|---|---|---|---|---|")
    for entry in whole_scans(data):
        found = system.diagnose(read_scan(entry.scan, allow=ALLOWED))
        auc = counts = "-"
        if entry.slice_labels:
            truth = slice_targets(entry, found.labels, len(found.lesion_probabilities), free="healthy") > 0
            weights = np.ones((1, len(truth)))
            auc = f"{ranking(truth, found.lesion_probabilities.astype(float), weights)[0][0]:.3f}"
            counts = f"{truth.sum()} of {len(truth)}"
        reasons = "; ".join(found.uncertainty["reasons"]) or "-"
        row = (entry.patient, entry.split, found.label, f"{found.probabilities[ILL]:.3f}", counts, auc, reasons)
        print(f"| {' | '.join(row)} |", flush=True)


def cohort(data: Path, work: Path) -> Path:
    """Write the manifest, and the same without splits as chest_ct_every.csv; return the path of the first."""
    entries = [
        *with_masks(data, work),
        *(
            replace(entry, label=ILL, lesions=None)
            for entry in infection.single_slices(data / "infection" / "medseg98_covidsemiseg", work / "medseg98")
        ),
        *without_pneumonia(data, work),
        *whole_scans(data),
    ]
    entries = list({entry.scan: entry for entry in entries}.values())
    write_manifest(entries, work / "chest_ct.csv")
    write_manifest((replace(entry, split=None) for entry in entries), work / "chest_ct_every.csv")
    return work / "chest_ct.csv"


def with_masks(data: Path, work: Path) -> Iterator[Entry]:
    """Yield the scans and cases that have masks of infection, slices marked by them."""
    for entry in infection.volumes(data / "infection"):
        mask = read_scan(entry.lesions, allow=ALLOWED)
        ill = mask_regions(mask, "lesions", entry)[0].any(axis=(1, 2))
        if ill.any():
            marks = work / "slice_labels" / f"{entry.label}_{entry.lesions.parent.name}.csv"
            write_marks(marks, ill)
            yield Entry(entry.scan, entry.patient, ILL, entry.split, slice_labels=marks)


def write_marks(path: Path, ill: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("slice", "lesion"), *((k, int(one)) for k, one in enumerate(ill))])


def without_pneumonia(data: Path, work: Path) -> Iterator[Entry]:
    """Yield stacks of slices of LUNA16."""
    folder = data / "patients" / "luna_2slices_500series" / "NonCOVID"
    for number, entry in enumerate(infection.without_lesions(folder, work / "luna", groups=LUNA)):
        yield Entry(entry.scan, entry.patient, FREE, "test" if number >= 35 else "val" if number >= 32 else "train")


def whole_scans(data: Path) -> Iterator[Entry]:
    """Yield the whole scans in HU."""
    labelled = data / "volumes" / "covid_ct_md"
    for name, scan in (("P001", "P001_dicom"), ("cap002", "cap002_256.nii.gz")):
        yield Entry(labelled / scan, name, ILL, "test", slice_labels=labelled / f"{name}_slice_labels.csv")
    free = [
        labelled / "normal001_256.nii.gz",
        *sorted((data / "volumes" / "hu_volumes").glob("*.nii.gz")),
        *sorted((data / "volumes" / "imlab_uiip_lungmask3d").glob("*64.nii.gz")),
    ]
    for scan in free:
        name = scan.name.removesuffix(".nii.gz").removesuffix("_256")
        yield Entry(scan, name, FREE, "test" if name in TEST else "val" if name in VAL else "train")


if __name__ == "__main__":
    main()
