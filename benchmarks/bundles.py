"""Prints the figures on the cards of the bundles that ship, from the data they were kept out of.

    python benchmarks/bundles.py DATA WORK [--only infection|lungs|covid_ct|chest_ct]

DATA is laid out as the scripts named after the bundles say; WORK takes manifests and masks. Of the
infection segmenter: Dice of the persons kept out, the share of the lungs that it calls involved in scans without
infection, and how well the infected area of a slice ranks the slices of whole scans that carry slice labels. Two
scores of a slice are compared, on the validation scan; what the card says is the better one there.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import chest_ct
import infection
import lungs
import numpy as np

from tfcovid.data import read_manifest
from tfcovid.data.label_volume import mask_regions
from tfcovid.data.network_slices import scan_hu
from tfcovid.evaluation.ranking import ranking
from tfcovid.inference import load_segmenter
from tfcovid.preprocess import lung_region
from tfcovid.scans import Scan, read_scan

BUNDLES = ("infection", "lungs", "covid_ct", "chest_ct")
ALLOWED = tuple(word for word in infection.ALLOW if word != "--allow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", choices=BUNDLES)
    parser.add_argument("--infection", default="infection", help="A bundle in place of the shipped one.")
    options = parser.parse_args()
    wanted = {options.only} if options.only else set(BUNDLES)
    options.work.mkdir(parents=True, exist_ok=True)
    if "infection" in wanted:
        manifest = infection.cohort(options.data, options.work)
        print("## infection\n", flush=True)
        subprocess.run(["tfcovid", "evaluate", options.infection, manifest, *infection.ALLOW], check=True)
        slices_and_shares(options.infection, options.data, manifest)
    if "lungs" in wanted:
        print("\n## lungs\n", flush=True)
        manifest = lungs.cohort(options.data, options.work)
        subprocess.run(["tfcovid", "evaluate", "lungs", manifest, *infection.ALLOW], check=True)
    if "covid_ct" in wanted:
        print("\n## covid_ct\n", flush=True)
        subprocess.run(
            [sys.executable, Path(__file__).with_name("covid_ct_shortcuts.py"), options.data / "covid_ct"], check=True
        )
    if "chest_ct" in wanted:
        print("\n## chest_ct\n", flush=True)
        chest_ct.figures("chest_ct", options.data, chest_ct.cohort(options.data, options.work))


def slices_and_shares(bundle: str, data: Path, manifest: Path) -> None:
    """Print how slices of whole scans are ranked, and what is called involved where nothing is."""
    segmenter = load_segmenter(bundle)
    print("\n| scan | slices with lesions | AUC by area | AUC by summed probability | of the lungs involved |")
    print("|---|---|---|---|---|")
    for entry in read_manifest(manifest):
        if entry.split == "val" and entry.label == "medseg9_volumes":
            scan = read_scan(entry.scan, allow=ALLOWED)
            mask = read_scan(entry.lesions, allow=ALLOWED)
            truth = mask_regions(mask, "lesions", entry)[0].any(axis=(1, 2))
            print(row(f"{entry.patient}, validation", truth, *scores(segmenter, scan)), flush=True)
    folder = data / "volumes"
    labelled = folder / "covid_ct_md"
    for name in ("P001", "cap002"):
        scan = read_scan(labelled / ("P001_dicom" if name == "P001" else f"{name}_256.nii.gz"))
        with (labelled / f"{name}_slice_labels.csv").open() as file:
            truth = np.array([line["infected"] == "1" for line in csv.DictReader(file)])
        print(row(name, truth, *scores(segmenter, scan)), flush=True)
    cold = [*sorted((folder / "hu_volumes").glob("*.nii.gz")), labelled / "normal001_256.nii.gz"]
    for path in cold:
        name = path.name.removesuffix(".nii.gz")
        trained = ", trained on" if name in infection.COLD else ""
        scan = read_scan(path, allow=ALLOWED)
        print(row(f"{name}{trained}", np.zeros(len(scan.voxels), bool), *scores(segmenter, scan)), flush=True)


def scores(segmenter, scan: Scan) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the infected pixels and the summed probability of each slice, and the share of the lungs in per cent."""
    hu = scan_hu(scan, segmenter.config)
    lung = segmenter.finder.lungs(hu, scan.spacing)
    region = lung_region(lung, scan.known_spacing and scan.known_spacing[1:]) > 0
    areas, sums, infected = [], [], 0
    for probabilities, inside, near in zip(segmenter.probabilities(hu, scan.spacing), lung, region, strict=True):
        ill = probabilities[..., 1] * near
        areas.append((ill > 0.5).sum())
        sums.append(ill.sum())
        infected += (ill > 0.5).sum()
        inside |= ill > 0.5
    return np.array(areas), np.array(sums), 100 * infected / max(1, lung.sum())


def row(name: str, truth: np.ndarray, areas: np.ndarray, sums: np.ndarray, share: float) -> str:
    weights = np.ones((1, len(truth)))
    figures = [
        f"{ranking(truth, score.astype(float), weights)[0][0]:.3f}" if truth.any() and not truth.all() else "-"
        for score in (areas, sums)
    ]
    return f"| {name} | {truth.sum()} of {len(truth)} | {' | '.join(figures)} | {share:.2f} % |"


if __name__ == "__main__":
    main()
