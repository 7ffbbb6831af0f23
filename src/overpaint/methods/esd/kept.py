"""Prompts whose predictions must stay as they are: the plan's preserve list and captions of everything else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overpaint.backbone.backbone import Backbone
from overpaint.methods.captions import captions_for
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import NAME, Erasure, templates_of
from overpaint.plan import Plan
from overpaint.seeding import derive

__all__ = ["Kept", "kept_prompts", "unrelated"]


@dataclass(frozen=True)
class Kept:
    """Prompts to preserve.

    Attributes:
        shared: whether they are captions, and so of no concept: their trajectories may be given to other runs.
        drawn: how many trajectories of each. Of captions the same ones whatever is erased, so that all runs share them.
        used: those of them that a run keeps.
    """

    shared: bool
    drawn: Mapping[str, int]
    used: tuple[str, ...]


def kept_prompts(
    backbone: Backbone,
    plan: Plan,
    config: EsdConfig,
    erasures: Sequence[Erasure],
    captions: Sequence[str] | None,
) -> list[Kept]:
    """What is to be preserved; nothing if its weight is 0.

    Raises:
        OverpaintError: the settings ask for captions, and there are none.
    """
    if config.preserve == 0:
        return []
    templates = templates_of(plan, config)
    named = {t.replace(NAME, name): config.preserve_trajectories for name in plan.preserve for t in templates}
    found = [Kept(False, named, tuple(named))]
    if config.captions:
        texts = captions_for(backbone, 4 * config.captions, captions, "settings.captions (0 does without)")
        order = sorted(dict.fromkeys(texts), key=lambda caption: derive(plan.seed, "esd caption", caption))
        drawn = dict.fromkeys(order[: config.captions], 1)
        used = [caption for caption in unrelated(list(drawn), erasures) if caption not in named]
        found.append(Kept(True, drawn, tuple(used)))
    return [kept for kept in found if kept.used]


def unrelated(captions: Sequence[str], erasures: Sequence[Erasure]) -> list[str]:
    """The captions that name none of the concepts that change, as whole words, in any case."""
    names = [erasure.given for erasure in erasures] + [erasure.source for erasure in erasures]
    words = "|".join(re.escape(name) for name in names)
    pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    return [caption for caption in captions if not pattern.search(caption)]
