"""Concept Ablation: fine-tune until a concept is predicted as its anchor is (Kumari et al., arXiv 2303.13516)."""

from __future__ import annotations

from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.ablation.fit import fit

__all__ = ["AblationConfig", "fit"]
