"""Makes the cohort that the shipped lung segmenter was trained and tested on, and prints its figures again.

    python benchmarks/lungs.py DATA WORK            # cohort, and the figures of the shipped bundle on its test split
    python benchmarks/lungs.py DATA WORK --train    # trains it anew first, about half an hour on two cores

DATA holds seg2d/lungsegdb_lung (pairs of images and masks), volumes/imlab_uiip_lungmask3d (three CT with lung masks)
and volumes/cip_ct64 (one, which only tests). Phantoms come from a seed. The label of the manifest is where a scan is
from, so that figures come for each source; no patient is in two splits.
"""

import argparse
import subprocess
from pathlib import Path

from tfcovid.data import Entry, write_manifest
from tfcovid.phantom import write_cohort

PAIRS = {"test": ("114", "17", "341", "379"), "val": ("2", "338")}  # the others train
ALLOW = ("--allow", "not-hu", "--allow", "no-spacing")


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
    write_manifest(entries, work / "lungs.csv")
    return work / "lungs.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--train", action="store_true")
    options = parser.parse_args()

    manifest, bundle = cohort(options.data, options.work), "lungs"
    if options.train:
        bundle = options.work / "lungs_bundle"
        subprocess.run(["tfcovid", "train", "lungs", manifest, "-o", bundle, *ALLOW], check=True)
    subprocess.run(["tfcovid", "evaluate", bundle, manifest, *ALLOW], check=True)


if __name__ == "__main__":
    main()
