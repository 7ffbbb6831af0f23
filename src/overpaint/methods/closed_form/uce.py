"""Unified concept editing (UCE, arXiv 2308.14761): erase, replace, moderate and debias by one map of text states.

TIME (arXiv 2303.08084) and the closed-form stage of MACE (arXiv 2403.06135) are the same with other tokens
and other things kept; see `presets`.
"""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.linear.lowrank import Factors
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.config import MapConfig
from overpaint.methods.closed_form.kept import Kept, kept_of
from overpaint.methods.closed_form.pairs import Pairs, pairs_of
from overpaint.methods.closed_form.text_map import patch_of, text_map
from overpaint.methods.store import MemoryStore
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["fit", "problem"]


def problem(
    backbone: StableDiffusion,
    plan: Plan,
    config: MapConfig,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None,
) -> tuple[Pairs, Kept]:
    """What a plan asks for and what holds it back. PlanError before any work starts if it does not fit the model."""
    aims = aims_of(backbone.text, plan, config)
    kept = kept_of(backbone, plan, config, store, progress, captions)
    with progress.task("text states", total=len(aims), unit="concept") as advance:
        pairs = pairs_of(backbone.text, aims, config.tokens, advance)
    return pairs.scaled(config.strength), kept


def fit(
    backbone: StableDiffusion,
    plan: Plan,
    config: MapConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan.

    Raises:
        PlanError: the plan does not fit the model; before any work starts.
        OverpaintError: no captions where the settings want their second moment.
    """
    change: Factors = text_map(*problem(backbone, plan, config, store, progress, captions), config.lambda_)
    return patch_of(backbone, plan, config, change)
