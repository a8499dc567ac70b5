import math


def p_text(p: float) -> str:
    """A p-value as papers print it: never 0, "-" where there is none."""
    return "-" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
