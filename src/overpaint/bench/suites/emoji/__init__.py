"""The package's own ICEB: all kinds of edits on the bundled model, judged by the bundled grader."""

from __future__ import annotations

from overpaint.bench.suites.emoji.suite import QUICK_TASKS, TASKS, emoji_suite
from overpaint.bench.suites.emoji.world import FULL, QUICK, SPLITS, Size

__all__ = ["FULL", "QUICK", "QUICK_TASKS", "SPLITS", "TASKS", "Size", "emoji_suite"]
