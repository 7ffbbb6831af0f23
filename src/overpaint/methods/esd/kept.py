"""Prompts whose predictions must stay as they are: the plan's preserve list and captions of everything else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.methods.captions import captions_for
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import NAME, Erasure, templates_of
from overpaint.plan import Plan
from overpaint.seeding import derive

__all__ = ["kept_prompts", "unrelated"]


def kept_prompts(
    backbone: Backbone,
    plan: Plan,
    config: EsdConfig,
    erasures: Sequence[Erasure],
    captions: Sequence[str] | None,
) -> dict[str, int]:
    """Prompts to preserve and how many trajectories of each; none if their weight is 0.

    Raises:
        OverpaintError: the settings ask for captions, and there are none.
    """
    if config.preserve == 0:
        return {}
    templates = templates_of(plan, config)
    prompts = {t.replace(NAME, name): config.preserve_trajectories for name in plan.preserve for t in templates}
    if config.captions:
        texts = captions_for(backbone, 4 * config.captions, captions, "settings.captions (0 does without)")
        found = unrelated(texts, erasures)
        found.sort(key=lambda caption: derive(plan.seed, "esd caption", caption))
        for caption in found[: config.captions]:
            prompts.setdefault(caption, 1)
    return prompts


def unrelated(captions: Sequence[str], erasures: Sequence[Erasure]) -> list[str]:
    """The different captions that name none of the concepts that change, as whole words, in any case."""
    names = [erasure.given for erasure in erasures] + [erasure.source for erasure in erasures]
    words = "|".join(re.escape(name) for name in names)
    pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    return [caption for caption in dict.fromkeys(captions) if not pattern.search(caption)]
