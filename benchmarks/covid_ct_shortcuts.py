"""How well COVID-CT is told apart without looking at lungs: what the AUC of a network is to be held against.

    python benchmarks/covid_ct_shortcuts.py COVID-CT [--bundle BUNDLE]

Random forests on the training images of the official split, scored on the validation images: on size, aspect ratio,
file format and colour; on the grey values of the picture's rim; on thumbnails of 16 x 16 pixels.

Then what the bundle, by default the shipped covid_ct, makes of the validation images as they are, with everything
outside the lungs black, and with the lungs blank, each at the median of its own pixels. A system that looks at lungs
loses little by the first and nearly all by the second.
"""

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from sklearn.ensemble import RandomForestClassifier

import tfcovid
from tfcovid.data import Entry
from tfcovid.data.layouts import find_layout
from tfcovid.data.network_slices import scan_hu
from tfcovid.evaluation import Predictions, score
from tfcovid.inference import load_segmenter
from tfcovid.preprocess import crop_resize

LABELS = ("non-covid", "covid")
SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bundle", default="covid_ct")
    options = parser.parse_args()
    entries = find_layout("covid-ct")(options.folder)
    features = {"size, format and colour": [], "rim": [], "thumbnail": []}
    formats = Counter()
    for entry in entries:
        raw = entry.scan.read_bytes()
        picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        height, width = grey.shape
        is_jpeg, is_colour = raw[:2] == b"\xff\xd8", bool((np.ptp(picture.astype(int), axis=2) > 0).any())
        formats[entry.split, entry.label, "JPEG" if is_jpeg else "PNG"] += 1
        features["size, format and colour"].append([width, height, width / height, is_jpeg, is_colour])
        features["rim"].append([part.mean() for part in (grey[:6], grey[-6:], grey[:, :6], grey[:, -6:])])
        features["thumbnail"].append(cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).ravel())
    train, val = (np.array([entry.split == split for entry in entries]) for split in ("train", "val"))
    truth = np.array([entry.label for entry in entries])
    validation = [entry for entry in entries if entry.split == "val"]
    print("| given only | AUC |\n|---|---|")
    for name, rows in features.items():
        forests = [
            RandomForestClassifier(300, random_state=n).fit(np.array(rows)[train], truth[train]) for n in range(SEEDS)
        ]
        scores = np.mean(
            [forest.predict_proba(np.array(rows)[val])[:, list(forest.classes_).index("covid")] for forest in forests],
            axis=0,
        )
        print(f"| {name} | {auc(validation, scores)} |")
    print("\n| the bundle sees | AUC |\n|---|---|")
    for name, scores in counterfactuals(options.bundle, validation).items():
        print(f"| {name} | {auc(validation, scores)} |")
    print("\n| split | label | format | images |\n|---|---|---|---|")
    for key, count in sorted(formats.items()):
        print(f"| {' | '.join(key)} | {count} |")


def auc(entries: list[Entry], scores: np.ndarray) -> str:
    """Return the AUC with its interval over patients."""
    rows = [
        {"patient": entry.patient, "truth": entry.label, "p_non-covid": 1 - p, "p_covid": p}
        for entry, p in zip(entries, scores, strict=True)
    ]
    return str(score(Predictions.from_rows(rows, LABELS)).figures["auc_covid"])


def counterfactuals(bundle: str, entries: list[Entry]) -> dict[str, np.ndarray]:
    """Return the probabilities of COVID of each image as it is, of its lungs alone, and of all but its lungs."""
    system, lungs = tfcovid.load(bundle), load_segmenter("lungs")
    seen: dict[str, list[np.ndarray]] = {"the image": [], "its lungs alone": [], "all but its lungs": []}
    for entry in entries:
        scan = tfcovid.read_scan(entry.scan, allow=("not-hu", "no-spacing", "no-orientation"))
        hu = scan_hu(scan, system.config)
        inside = lungs.lungs(hu, scan.spacing)
        blank = np.median(hu[inside]) if inside.any() else 0
        for images, changed in zip(
            seen.values(), (hu, np.where(inside, hu, -1350), np.where(inside, blank, hu)), strict=True
        ):
            whole = np.array([[0, 0, *hu.shape[1:]]], np.int32)
            images.append(crop_resize(changed.astype(np.int16), whole, system.config.crop.size)[0])
    members = getattr(system, "members", {"": system}).values()
    return {
        name: np.mean([one.read(np.stack(images)).slice_probabilities[:, 1] for one in members], axis=0)
        for name, images in seen.items()
    }


if __name__ == "__main__":
    main()
