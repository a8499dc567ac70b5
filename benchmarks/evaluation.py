"""How long all figures and intervals of 5,000 patients take, beside a scikit-learn loop for one AUC.

    python benchmarks/evaluation.py [--patients 5000] [--loop]

Four labels, 1,000 resamples of the patients. The loop draws the same patients and calls `roc_auc_score` for each
resample; of one AUC it gives the same interval.
"""

import argparse
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from tfcovid.evaluation import Predictions, score
from tfcovid.evaluation.boot_counts import boot_counts

LABELS, RESAMPLES = ("healthy", "covid-19", "h1n1", "cap"), 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--loop", action="store_true", help="also the loop over scikit-learn")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    truth = rng.integers(0, len(LABELS), options.patients)
    probabilities = (rng.dirichlet(np.ones(len(LABELS)), options.patients) + np.eye(len(LABELS))[truth]) / 2
    names = tuple(map(str, range(options.patients)))
    one = Predictions(LABELS, names, names, truth, probabilities, probabilities.argmax(axis=1))

    print("| what | wall s | CPU s |\n|---|---|---|")
    times = []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        found = score(one, RESAMPLES)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    best = min(times)
    print(f"| all {len(found.figures)} figures, {RESAMPLES} resamples, best of 3 | {best[0]:.2f} | {best[1]:.2f} |")
    if options.loop:
        wall, cpu = time.perf_counter(), time.process_time()
        positive, scores = truth == 1, probabilities[:, 1]
        for weights in boot_counts(names, RESAMPLES)[0][1:]:  # every patient has one scan
            rows = np.repeat(np.arange(len(truth)), weights.astype(int))
            roc_auc_score(positive[rows], scores[rows])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"| one AUC by scikit-learn, {RESAMPLES} resamples | {wall:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    main()
