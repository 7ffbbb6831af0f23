"""Judges of pictures."""

from __future__ import annotations

from overpaint.bench.graders.grader import Classifier, Grader

__all__ = ["Classifier", "Grader"]
