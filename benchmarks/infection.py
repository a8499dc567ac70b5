"""Makes the cohort that the shipped infection segmenter was trained and tested on, and prints its figures again.

    python benchmarks/infection.py DATA WORK            # cohort, and the figures of the shipped bundle on it
    python benchmarks/infection.py DATA WORK --train    # trains it anew first, about an hour on two cores

DATA holds infection/ (cases of Ma et al., scans and slices of MedSeg), patients/luna_2slices_500series and
volumes/hu_volumes (no COVID: nothing is to be outlined). Phantoms come from a seed. The label of the manifest is where
a scan is from, so that figures come for each source. No person is in two splits: the cases of Ma et al. and the scans
of MedSeg that are of one person stand together.
"""

import argparse
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np

from tfcovid.data import Entry, write_manifest
from tfcovid.phantom import write_cohort
from tfcovid.training.halve_weights import halve_weights

SIDE = 320
# Persons, chosen before anything was trained; all others train.
TEST = ("coronacases_003", "coronacases_006", "radiopaedia_14_85914", "radiopaedia_4_85506")
VAL = ("coronacases_005", "radiopaedia_27_86410")
ALLOW = ("--allow", "not-hu", "--allow", "no-spacing", "--allow", "no-orientation")
COLD = ("lungpetctdx_A0001_series3", "lidc_0001_crop", "lidc_0002_crop", "lidc_0003_crop")


def main() -> None:
    run("infection", cohort, __doc__)


def run(name: str, cohort: Callable[[Path, Path], Path], text: str, *settings: str) -> None:
    """Evaluate the segmenter of that name on its cohort; train it first where the command line says so."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--start", type=Path, help="Train on from this .keras file.")
    options = parser.parse_args()
    manifest, bundle = cohort(options.data, options.work), name
    if options.train:
        bundle = options.work / f"{name}_bundle"
        starts = [f"network.weights={options.start}"] if options.start else []
        changes = [word for setting in (*settings, *starts) for word in ("--set", setting)]
        subprocess.run(["tfcovid", "train", name, manifest, "-o", bundle, *ALLOW, *changes], check=True)
        halve_weights(bundle)
    subprocess.run(["tfcovid", "evaluate", bundle, manifest, *ALLOW], check=True)


def cohort(data: Path, work: Path) -> Path:
    """Write the manifest, with the column lesions, and return its path."""
    entries = [
        *volumes(data / "infection"),
        *single_slices(data / "infection" / "medseg98_covidsemiseg", work / "medseg98"),
        *without_lesions(data / "patients" / "luna_2slices_500series" / "NonCOVID", work / "luna"),
        *cold_volumes(data / "volumes", work / "cold"),
        *phantoms(work / "phantoms"),
    ]
    write_manifest(entries, work / "infection.csv")
    return work / "infection.csv"


def volumes(infection: Path) -> Iterator[Entry]:
    """Yield the cases of Ma et al. and the scans of MedSeg, folders of pictures both."""
    for source in ("ma20_slices", "medseg9_volumes"):
        for case in sorted(path for path in (infection / source).iterdir() if path.is_dir()):
            person = person_of(case.name)
            split = "test" if person in TEST else "val" if person in VAL else "train"
            # Ground glass and consolidation.
            values = "infection=127,255" if source == "medseg9_volumes" else None
            yield Entry(case / "ct", person, source, split, lesions=case / "infection", mask_values=values)


def person_of(case: str) -> str:
    """Return the person of a case, such as radiopaedia_10_85902 of dcm2_radiopaedia_10_85902_1."""
    if case.startswith("coronacases"):
        return case
    _, number, study, _ = case[case.index("radiopaedia") :].split("_")
    # 29_86490 and 29_86491 are one person.
    return f"radiopaedia_{number}_{study}" if number != "29" else "radiopaedia_29_86490"


def single_slices(folder: Path, out: Path, together: int = 8) -> Iterator[Entry]:
    """Yield slices of many people, turned upright and brought to one size, eight to a folder."""
    pictures = [
        path for part in ("train50", "test48", "more14") for path in sorted((folder / part / "images").iterdir())
    ]
    for first in range(0, len(pictures), together):
        group = out / f"{first // together:02d}"
        for number, picture in enumerate(pictures[first : first + together]):
            mask = picture.parents[1] / "infection" / f"{picture.stem}.png"
            write(group / "ct" / f"{number}.png", square(upright(picture), cv2.INTER_AREA))
            write(group / "infection" / f"{number}.png", square(255 * (upright(mask) > 127), cv2.INTER_NEAREST))
        yield Entry(group / "ct", f"medseg98-{group.name}", "medseg98", "train", lesions=group / "infection")


def upright(path: Path) -> np.ndarray:
    return np.rot90(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), -1)


def square(picture: np.ndarray, interpolation: int) -> np.ndarray:
    """Return the picture in the middle of a black square of 320 pixels."""
    height, width = picture.shape
    spare = max(height, width) - np.array([height, width])
    before = spare // 2
    padded = np.pad(picture.astype(np.uint8), [(before[n], spare[n] - before[n]) for n in range(2)])
    return cv2.resize(padded, (SIDE, SIDE), interpolation=interpolation)


def without_lesions(folder: Path, out: Path, together: int = 12, groups: int = 8) -> Iterator[Entry]:
    """Yield slices of people without COVID, a different series each, twelve to a folder."""
    series = {path.stem[:30]: path for path in sorted(folder.iterdir())}
    pictures = list(series.values())[: together * groups]
    for first in range(0, len(pictures), together):
        group = out / f"{first // together:02d}"
        for number, picture in enumerate(pictures[first : first + together]):
            grey = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
            write(group / "ct" / f"{number:02d}.png", grey)
            write(group / "infection" / f"{number:02d}.png", np.zeros_like(grey))
        yield Entry(group / "ct", f"luna-{group.name}", "luna", "train", lesions=group / "infection")


def cold_volumes(folder: Path, out: Path) -> Iterator[Entry]:
    """Yield scans in HU in which nothing is to be outlined."""
    for scan in sorted((folder / "hu_volumes").glob("*.nii.gz")):
        name = scan.name.removesuffix(".nii.gz")
        yield Entry(scan, name, "cold", "train" if name in COLD else "test", lesions=empty_mask(scan, out))
    normal = folder / "covid_ct_md" / "normal001_256.nii.gz"
    yield Entry(normal, "normal001", "cold", "test", lesions=empty_mask(normal, out))


def empty_mask(scan: Path, out: Path) -> Path:
    """Write a mask of nothing in the frame of a scan."""
    image, path = nib.load(scan), out / scan.name
    out.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        nib.save(nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), path)
    return path


def phantoms(folder: Path) -> Iterator[Entry]:
    scans = write_cohort(folder, patients=3, seed=21, severity=(0.3, 0.9), format="nifti", progress=True)
    for disease in sorted(scans.iterdir()):
        for scan in sorted(disease.iterdir()):
            name = scan.name.removesuffix(".nii.gz")
            lesions = scans.with_name("phantoms_masks") / disease.name / f"{name}_lesions.nii.gz"
            yield Entry(scan, name, "phantom", "train", lesions=lesions)


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        cv2.imwrite(str(path), picture)


if __name__ == "__main__":
    main()
