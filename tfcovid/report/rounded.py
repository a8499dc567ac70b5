def rounded(probability: float, digits: int = 3) -> str:
    """A probability in words for a reader; what is not certain is not rounded to certainty, and 0.9996 is "> 0.999"."""
    step = 10.0**-digits
    if probability in (0, 1) or step / 2 <= probability < 1 - step / 2:
        return f"{probability:.{digits}f}"
    return f"> {1 - step:.{digits}f}" if probability > 0.5 else f"< {step:.{digits}f}"
