"""Unified concept editing (UCE, arXiv 2308.14761): erase, replace, moderate and debias by one map of text states.

TIME (arXiv 2303.08084) and the closed-form stage of MACE (arXiv 2403.06135) are the same with other tokens
and other things kept; see `presets`.
"""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reading
from overpaint.methods.closed_form.aims import aims_of
from overpaint.methods.closed_form.config import MapConfig
from overpaint.methods.closed_form.kept import Kept, kept_of
from overpaint.methods.closed_form.pairs import Pairs, pairs_of
from overpaint.methods.closed_form.text_map import mapped, patch_of, text_map
from overpaint.methods.store import MemoryStore
from overpaint.patch import Delta, Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["fit", "problem"]


def problem(
    backbone: Backbone,
    reading: Reading,
    plan: Plan,
    config: MapConfig,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None,
) -> tuple[Pairs, Kept]:
    """What a plan asks for and what holds it back. PlanError before any work starts if it does not fit the model."""
    aims = {reader.name: aims_of(reader, plan, config) for reader in reading.readers}
    kept = kept_of(backbone, reading.readers, plan, config, store, progress, captions)
    with progress.task("text states", total=sum(map(len, aims.values())), unit="concept") as advance:
        pairs = [pairs_of(reader, aims[reader.name], config.tokens, advance) for reader in reading.readers]
    return Pairs.join(pairs).scaled(config.strength), kept


def fit(
    backbone: Backbone,
    plan: Plan,
    config: MapConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan: one map for all layers that read the same.

    Raises:
        PlanError: the plan does not fit the model; before any work starts.
        OverpaintError: no captions where the settings want their second moment.
    """
    changes: dict[str, Delta] = {}
    for reading in backbone.readings:
        asked = problem(backbone, reading, plan, config, store, progress, captions)
        changes |= mapped(reading, config.matrices, text_map(*asked, config.lambda_))
    return patch_of(backbone, plan, config, changes)
