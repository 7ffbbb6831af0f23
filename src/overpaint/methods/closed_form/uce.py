"""Unified concept editing (UCE, arXiv 2308.14761): erase, replace, moderate and debias by one map of text states.

TIME (arXiv 2303.08084) and the closed-form stage of MACE (arXiv 2403.06135) are the same with other tokens
and other things kept; see `presets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reading
from overpaint.methods.closed_form.aims import Aim, aims_of
from overpaint.methods.closed_form.config import EditedConfig, MapConfig
from overpaint.methods.closed_form.kept import Kept, kept_of
from overpaint.methods.closed_form.pairs import Pairs, pairs_of
from overpaint.methods.closed_form.text_map import mapped, patch_of, read_by, text_map
from overpaint.methods.store import MemoryStore
from overpaint.patch import Delta, Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["fit", "gathered", "problem"]


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
    return gathered(reading, aims, config, progress).scaled(config.strength), kept


def gathered(reading: Reading, aims: Mapping[str, Sequence[Aim]], config: EditedConfig, progress: Progress) -> Pairs:
    """The pairs of what each reader is asked for, by its name."""
    with progress.task("text states", total=sum(map(len, aims.values())), unit="concept") as advance:
        return Pairs.join([pairs_of(one, aims[one.name], config.tokens, advance) for one in reading.readers])


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
    for reading, layers in read_by(backbone, plan, config.matrices):
        asked = problem(backbone, reading, plan, config, store, progress, captions)
        changes |= mapped(layers, text_map(*asked, config.lambda_))
    return patch_of(backbone, plan, config, changes)
