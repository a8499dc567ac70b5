import numpy as np

Z = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


def interval(values: np.ndarray, patients: int, ranked: bool = False) -> tuple[float, float]:
    """The 95 % interval of a figure in [0, 1] from its bootstrap over patients.

    Shares and means take Wilson's score interval (JASA 22, 1927) with the number of cases at which a plain share would
    spread as the resamples do, as surveys do it (Korn and Graubard, Survey Methodology 24, 1998): of the share of
    patients that is right this is Wilson's own. Areas under curves take the normal interval on the logit scale with
    the spread of the resamples. Both stay in [0, 1]. In simulations with 200 patients they cover what they should;
    percentiles of the resamples do not for shares and areas above 0.9, see `tests/evaluation/test_coverage.py`.

    Where all resamples agree (everything is right, or there is one patient), either is Wilson's for the patients. For
    an area that is on the safe side: its variance is at most that of a share of the fewer kind (Birnbaum and Klose,
    Annals of Mathematical Statistics 28, 1957).

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
    agree = min(spread, variance) < 1e-15
    if ranked and not agree:
        middle, half = np.log(value / (1 - value)), Z * np.sqrt(variance) / spread
        low, high = 1 / (1 + np.exp(-(middle + np.array([-half, half]))))
        return float(low), float(high)
    cases = max(patients, 1) if agree else spread / variance
    middle = (value + Z**2 / (2 * cases)) / (1 + Z**2 / cases)
    half = Z / (1 + Z**2 / cases) * np.sqrt(max(spread, 0) / cases + Z**2 / (4 * cases**2))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
