"""How well COVID-CT is told apart without looking at lungs: what the AUC of a network is to be held against.

    python benchmarks/covid_ct_shortcuts.py COVID-CT

Random forests on the training images of the official split, scored on the validation images: on size, aspect ratio,
file format and colour; on the grey values of the picture's rim; on thumbnails of 16 x 16 pixels.
"""

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from sklearn.ensemble import RandomForestClassifier

from tfcovid.data.layouts import find_layout
from tfcovid.evaluation import Predictions, score

LABELS = ("non-covid", "covid")
SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    entries = find_layout("covid-ct")(parser.parse_args().folder)
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
    patients = [entry.patient for entry, chosen in zip(entries, val, strict=True) if chosen]
    print("| given only | AUC |\n|---|---|")
    for name, rows in features.items():
        forests = [
            RandomForestClassifier(300, random_state=n).fit(np.array(rows)[train], truth[train]) for n in range(SEEDS)
        ]
        scores = np.mean(
            [forest.predict_proba(np.array(rows)[val])[:, list(forest.classes_).index("covid")] for forest in forests],
            axis=0,
        )
        found = [
            {"patient": patient, "truth": label, "p_non-covid": 1 - p, "p_covid": p}
            for patient, label, p in zip(patients, truth[val], scores, strict=True)
        ]
        print(f"| {name} | {score(Predictions.from_rows(found, LABELS)).figures['auc_covid']} |")
    print("\n| split | label | format | images |\n|---|---|---|---|")
    for key, count in sorted(formats.items()):
        print(f"| {' | '.join(key)} | {count} |")


if __name__ == "__main__":
    main()
