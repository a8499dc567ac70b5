"""How well a segmenter outlines scans whose masks are known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfcovid.config.segmenter import INFECTION, LEFT, LUNG, RIGHT
from tfcovid.data import Entry, label_volume
from tfcovid.data.mask_values import UNLABELLED
from tfcovid.data.network_slices import scan_hu
from tfcovid.errors import InputError
from tfcovid.evaluation.mask_scores import MaskScores, mask_scores
from tfcovid.evaluation.simulate_clicks import click_curve
from tfcovid.inference.segmentation import Segmentation
from tfcovid.inference.segmentation_system import SegmentationSystem
from tfcovid.scans import Scan, read_scan


@dataclass(frozen=True, repr=False)
class Scored:
    """One scan: its scores and what they are of, or the reason it has none.

    Attributes:
        truth, found: `(slices, height, width)` uint8, numbers of the segmenter's labels; 255 is unlabelled.
        by_clicks: number of simulated clicks -> Dice of the infection; None where none were asked for, or where the
            scan has no infection.
    """

    entry: Entry
    scores: MaskScores | None = None
    scan: Scan | None = None
    truth: np.ndarray | None = None
    found: np.ndarray | None = None
    by_clicks: dict[int, float] | None = None
    error: str | None = None


def score_masks(
    segmenter: SegmentationSystem, entries: Sequence[Entry], allow: Sequence[str] = (), clicks: Sequence[int] = ()
) -> Iterator[Scored]:
    """Segments scans and compares them with their masks, each in its own frame; one bad scan never stops the others.

    Args:
        allow: names of findings that do not stop a scan, see `tfcovid.read_scan`.
        clicks: numbers of simulated clicks after which the infection is compared too, see `click_curve`.

    Raises:
        InputError: clicks for a segmenter that takes none.
    """
    if clicks and segmenter.config.guidance is None:
        raise InputError(f"{segmenter.config.name} takes no clicks, so nothing is to be learnt of them.")
    for entry in entries:
        try:
            yield _scored(segmenter, entry, allow, clicks)
        except Exception as error:  # whatever one bad scan in a thousand raises
            yield Scored(entry, error=str(error) if isinstance(error, InputError) else f"unexpected {error!r}")


def _scored(segmenter: SegmentationSystem, entry: Entry, allow: Sequence[str], clicks: Sequence[int]) -> Scored:
    scan, labels = read_scan(entry.scan, allow=allow), segmenter.config.labels
    truth = label_volume(scan, entry, labels)
    found = _numbered(segmenter.segment(scan), labels)
    by_clicks, infection = None, labels.index(INFECTION) if INFECTION in labels else None
    if clicks and (truth == infection).any():
        hu = scan_hu(scan, segmenter.config)
        by_clicks = click_curve(
            lambda made: segmenter.masks(hu, scan.spacing, made) == infection,
            truth == infection,
            clicks,
            scan.spacing,
            known=truth != UNLABELLED,
        )
    return Scored(entry, mask_scores(truth, found, labels, scan.known_spacing), scan, truth, found, by_clicks)


def _numbered(segmentation: Segmentation, labels: Sequence[str]) -> np.ndarray:
    """The masks with the numbers that the segmenter's own labels have."""
    found = np.zeros(segmentation.scan.voxels.shape, np.uint8)
    for name, sides in ((LUNG, (1, 2)), (LEFT, (1,)), (RIGHT, (2,))):
        if name in labels:
            found[np.isin(segmentation.sides, sides)] = labels.index(name)
    if segmentation.infection is not None:
        found[segmentation.infection] = labels.index(INFECTION)
    return found
