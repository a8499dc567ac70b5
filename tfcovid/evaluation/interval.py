import numpy as np
import scipy

from tfcovid.evaluation.few_patients import Z, few_patients


def interval(values: np.ndarray, patients: int, ranked: bool = False) -> tuple[float, float]:
    """The 95 % interval of a figure in [0, 1] from its bootstrap over patients.

    Shares and means take Wilson's score interval (JASA 22, 1927) with the number of cases at which a plain share would
    spread as the resamples do, as surveys do it (Korn and Graubard, Survey Methodology 24, 1998): of the share of
    patients that is right this is Wilson's own. More cases than patients count only as far as Student's t has it, see
    `few_patients`. Areas under curves take the interval on the logit scale with the spread of the resamples and
    Student's t. All stay in [0, 1].

    With one patient of a kind, and where all resamples agree (everything is right), either is Wilson's for the
    patients. For an area that is on the safe side: its variance is at most that of a share of the fewer kind (Birnbaum
    and Klose, Annals of Mathematical Statistics 28, 1957).

    In simulations these cover what they should, and more with fewer than ten patients of a kind; percentiles of the
    resamples do not for shares and areas above 0.9, see `tests/evaluation/test_coverage.py`.

    Args:
        values: `(resamples + 1,)`, that of the sample itself first; resamples that are NaN do not count.
        patients: behind the figure, of the fewest kind.
        ranked: the figure is an area under a curve.

    Returns:
        low, high; NaN where the figure is.
    """
    value, known = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not np.isfinite(value):
        return np.nan, np.nan
    spread, variance = value * (1 - value), known.var() if len(known) else 0.0
    patients, wider = max(patients, 1), few_patients(patients)
    if min(spread, variance) < 1e-15 or (ranked and patients < 2):
        return _wilson(value, patients)
    if not ranked:
        cases = spread / variance
        return _wilson(value, max(min(cases, patients), cases / wider**2))
    half = Z * wider * np.sqrt(variance) / spread
    middle = scipy.special.logit(value)
    return float(scipy.special.expit(middle - half)), float(scipy.special.expit(middle + half))


def _wilson(value: float, cases: float) -> tuple[float, float]:
    middle = (value + Z**2 / (2 * cases)) / (1 + Z**2 / cases)
    half = Z / (1 + Z**2 / cases) * np.sqrt(max(value * (1 - value), 0) / cases + Z**2 / (4 * cases**2))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
