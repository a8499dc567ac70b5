import numpy as np


def assess_slices(disease: np.ndarray, lesion: np.ndarray | None) -> np.ndarray:
    """Probabilities of each slice with both heads joined (M3Lung-Sys, appendix I, equation 4).

    A slice is healthy without a lesion, or with one that the disease head calls healthy; it has a disease when
    both heads see one.

    Args:
        disease: `(..., classes)` probabilities, class 0 the healthy one.
        lesion: `(..., 2)` probabilities without and with lesion, or None where there is one head only.

    Returns:
        `(..., classes)`, which sum to 1.
    """
    if lesion is None:
        return disease
    joined = lesion[..., 1:] * disease
    joined[..., 0] += lesion[..., 0]
    return joined


def assess_patient(slices: np.ndarray, threshold: float = 0.99) -> tuple[int, np.ndarray]:
    """The diagnosis of a patient from the calls of the slices, without training (appendix I, equation 5).

    Healthy if the share of healthy slices exceeds `threshold`, otherwise the disease that most slices show.

    Args:
        slices: `(slices, classes)` from `assess_slices`.

    Returns:
        The class, and `(classes,)` the share of slices called each class.
    """
    shares = np.bincount(slices.argmax(axis=-1), minlength=slices.shape[-1]) / len(slices)
    return (0 if shares[0] > threshold else 1 + int(shares[1:].argmax())), shares
