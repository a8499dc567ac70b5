import numpy as np
import scipy

Z = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


def few_patients(patients: int) -> float:
    """How much farther than 1.96 standard deviations of a bootstrap an interval reaches where patients are few.

    A bootstrap over n patients spreads sqrt((n - 1) / n) times as much as it should, and what n patients tell of the
    spread is itself uncertain: Student's t with n - 1 degrees of freedom takes the place of the normal distribution.
    1.02 for 60 patients, 1.22 for ten, 9.2 for two, infinite for one.
    """
    if patients < 2:
        return np.inf
    return float(scipy.special.stdtrit(patients - 1, 0.975) / Z * np.sqrt(patients / (patients - 1)))
