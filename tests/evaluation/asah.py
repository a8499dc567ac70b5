"""Three markers of 113 patients with aneurysmal subarachnoid haemorrhage (Turck et al., Intensive Care Med 36, 2010).

The data set aSAH of the R package pROC, the 41 patients of poor outcome first; ranks instead of values, which is all
that an area under a curve knows. They follow from the placement values in pROC's tests/testthat,
helper-deLongPlacementsCpp-expected.R (github.com/xrobin/pROC).
"""

import numpy as np

POOR = np.arange(113) < 41


def _ranks(text: str) -> np.ndarray:
    return np.array([int(rank) for rank in text.split()])


RANKS = {
    "ndka": _ranks(
        "37 24 28 35 3 9 18 43 47 43 43 14 32 39 5 7 30 1 51 39 16 18 22 30 41 26 39 7 49 34 3 12 39 3 11 43 "
        "20 32 45 18 35 0 8 6 17 4 34 4 38 29 38 36 46 10 4 23 4 4 50 25 13 13 38 2 6 4 12 27 6 33 44 6 4 23 "
        "10 6 27 42 40 15 21 48 4 36 13 17 17 33 2 36 23 10 17 38 17 21 6 13 17 42 8 23 26 44 19 23 10 42 15 "
        "31 40 4 29 "
    ),
    "s100b": _ranks(
        "8 5 11 7 25 30 28 2 19 4 2 23 21 27 30 15 30 30 30 2 30 17 0 4 13 30 15 30 3 15 8 5 6 13 30 9 30 18 "
        "30 30 25 8 9 5 1 26 12 5 5 1 3 1 4 6 2 12 2 6 8 12 1 11 9 20 4 29 26 11 2 24 26 6 3 4 3 1 8 5 9 10 1 "
        "1 4 1 4 3 11 4 3 19 6 16 2 5 18 2 1 14 22 5 10 3 9 5 2 1 12 10 26 12 10 29 27 "
    ),
    "wfns": _ranks(
        "2 1 3 4 4 4 4 1 4 1 0 1 4 3 3 1 4 4 4 1 4 1 4 1 3 4 3 3 0 3 3 1 1 4 4 1 1 4 4 4 4 0 0 0 0 4 0 1 1 0 "
        "1 1 0 0 0 1 0 1 0 0 2 3 0 3 0 4 4 0 0 1 3 0 0 1 1 0 1 0 1 1 0 0 0 0 1 0 1 0 0 2 1 3 1 0 3 0 0 4 3 1 "
        "1 0 0 0 2 0 1 1 3 3 0 0 0 "
    ),
}
