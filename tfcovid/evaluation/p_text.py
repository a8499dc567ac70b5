import math


def p_text(p: float, name: str = "") -> str:
    """A p-value as papers print it, such as "0.050"; never 0, "-" where there is none.

    Args:
        name: goes before it, as in "p = 0.050", "p < 0.001" and "p -".
    """
    if math.isnan(p):
        text = "-"
    elif round(p, 4) < 0.001:
        text = "< 0.001"
    else:
        text = f"= {p:.3f}" if name else f"{p:.3f}"
    return f"{name} {text}".lstrip()
