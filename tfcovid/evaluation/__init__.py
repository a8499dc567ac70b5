"""Diagnoses and truth in, figures out."""

from tfcovid.evaluation.list_runs import Run, compare_runs, list_runs
from tfcovid.evaluation.score import Score, score

__all__ = ["Run", "Score", "compare_runs", "list_runs", "score"]
