"""Guards: what inference-time methods give. They act while pictures are drawn and leave the weights as they are."""

from __future__ import annotations

from overpaint.guards.change import Change, load_change, scaled
from overpaint.guards.guard import Guard
from overpaint.guards.rules import RULES, NegativePrompt, Rule, SafeGuidance

__all__ = ["RULES", "Change", "Guard", "NegativePrompt", "Rule", "SafeGuidance", "load_change", "scaled"]
