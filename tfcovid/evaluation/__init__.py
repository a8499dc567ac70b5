"""Diagnoses and truth in, figures out."""

from tfcovid.evaluation.score import Score, score

__all__ = ["Score", "score"]
