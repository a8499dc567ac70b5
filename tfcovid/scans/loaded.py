"""What a reader of one format hands over, before anything is put into the canonical frame."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfcovid.scans.finding import Finding


@dataclass
class Loaded:
    """values: along the file's own three axes, any numeric dtype. affine: 4x4 from an index along those axes to
    LPS+ mm. slices_first: (slices, rows, columns) rather than (i, j, k). hu: the values claim to be HU.
    padded: None until the values are int16 HU of at least -1024; then whether any had to be clipped.
    uid: what names the series, if anything does."""

    values: np.ndarray
    affine: np.ndarray
    slices_first: bool
    sources: list[Path]
    findings: list[Finding] = field(default_factory=list)
    hu: bool = True
    padded: bool | None = None
    uid: str | None = None
    forms: tuple | None = None
    identity: dict[str, str] = field(default_factory=dict)
