"""What to change: edits, prompt templates, concepts to preserve; reading and checking plan files. Knows no torch."""

from __future__ import annotations

from overpaint.plan.edit import ACTIONS, Action, Edit
from overpaint.plan.plan import Plan
from overpaint.plan.templates import DEFAULT_KIND, KINDS, Kind
from overpaint.plan.where import Where

__all__ = ["ACTIONS", "DEFAULT_KIND", "KINDS", "Action", "Edit", "Kind", "Plan", "Where"]
