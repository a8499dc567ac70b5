"""Diagnoses and truth in, figures out."""

from tfcovid.evaluation.compare import Comparison, compare
from tfcovid.evaluation.list_runs import Run, compare_runs, list_runs
from tfcovid.evaluation.mask_scores import MaskScores, MaskSummary, mask_scores, summarise
from tfcovid.evaluation.predictions import Predictions
from tfcovid.evaluation.score import Score, score
from tfcovid.evaluation.simulate_clicks import NextClick, click_curve, next_click

__all__ = [
    "Comparison",
    "MaskScores",
    "MaskSummary",
    "NextClick",
    "Predictions",
    "Run",
    "Score",
    "click_curve",
    "compare",
    "compare_runs",
    "list_runs",
    "mask_scores",
    "next_click",
    "score",
    "summarise",
]
