"""Attacks on edited models: can a concept that was edited away still be had, and by whom?"""

from __future__ import annotations

from overpaint.bench.attacks.attack import Attack, Attempt, Target
from overpaint.bench.attacks.budget import ATTACKS, attacks_of

__all__ = ["ATTACKS", "Attack", "Attempt", "Target", "attacks_of"]
