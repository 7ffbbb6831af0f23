"""A tiny model in float64 and the readings of its cross-attention, for the closed-form methods' tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.methods import TransientStore, configure
from overpaint.methods.closed_form.kept import Kept
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.methods.closed_form.uce import problem
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Silent
from tests.methods.tiny import tiny_backbone

PROMPTS = ["photo of {}", "{}"]


def backbone(**options: Any) -> StableDiffusion:
    """One of a family for which the published settings hold; the bundled model's differ."""
    model = tiny_backbone(**{"double": True, **options})
    model.family = "sd1"
    return model


def plan_of(method: str, *edits: dict[str, Any], preserve: list[str] | None = None, **settings: Any) -> Plan:
    written = [{"prompts": PROMPTS, **edit} for edit in edits]
    return Plan.parse({"method": method, "settings": settings, "edits": written, "preserve": preserve or []})


def asked(model: StableDiffusion, plan: Plan) -> tuple[Pairs, Kept, Any]:
    config: Any = configure(plan, model)
    return *problem(
        model, model.readings[0], plan, config, TransientStore(), Silent(), ["photo of a hen", "a cat"]
    ), config


def readings(model: StableDiffusion, states: Tensor) -> Tensor:
    """All that cross-attention reads of states (n, d): (n, .)."""
    return torch.cat([layer(states) for layer in model.cross_attention_projections().values()], dim=-1).detach()


def last(model: StableDiffusion, phrase: str, template: str = "{}") -> Tensor:
    """State (1, d) of a phrase's last token."""
    found = model.text.locate(template, phrase)
    return model.text.encode([found.prompt])[:, found.last]


def edited(model: StableDiffusion, patch: Patch, states: Tensor) -> Tensor:
    with patch.applied_to(model):
        return readings(model, states)


def moved(model: StableDiffusion, patch: Patch, states: Tensor) -> float:
    return float((edited(model, patch, states) - readings(model, states)).norm())
