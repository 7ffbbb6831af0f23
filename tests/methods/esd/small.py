"""Plans and parts of a run of ESD on the smallest pipeline."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts, erasures_of, prompts_of
from overpaint.methods.esd.fit import fit
from overpaint.methods.esd.pool import Pool
from overpaint.methods.store import MemoryStore, TransientStore
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Silent
from tests.methods.tiny import tiny_backbone

FEW: dict[str, Any] = {"image_steps": 3, "trajectories": 2, "steps": 4, "batch": 2, "rate": 1e-3}


def plan_of(*edits: dict[str, Any], **rest: Any) -> Plan:
    return Plan.parse({"method": "esd-x", "edits": list(edits or [{"erase": "dog"}]), **rest})


def config_of(**settings: Any) -> EsdConfig:
    return EsdConfig(**{**FEW, **settings})


def world(plan: Plan, config: EsdConfig, **options: Any) -> tuple[StableDiffusion, list[Erasure], Texts]:
    backbone = tiny_backbone(**options)
    erasures = erasures_of(backbone.text, plan, config)
    return backbone, erasures, Texts(backbone, prompts_of(erasures))


def run(
    backbone: StableDiffusion,
    plan: Plan | None = None,
    store: MemoryStore | None = None,
    validator: Any = None,
    texts: list[str] | None = None,
    **settings: Any,
) -> Patch:
    return fit(
        backbone,
        plan or plan_of(),
        config_of(**settings),
        store=store or TransientStore(),
        progress=Silent(),
        validator=validator,
        captions=texts,
    )


def predicted(backbone: StableDiffusion, x: Tensor, t: Tensor, prompt: str) -> Tensor:
    with torch.no_grad():
        return backbone.predict(x, t, backbone.encode([prompt]).repeat(len(x)))


def turned_by_hand(backbone: StableDiffusion, pool: Pool, base: str, source: str, eta: float) -> Tensor:
    """Targets of a pool's rows: from the prediction for ``base`` away from that for ``source``."""
    away = predicted(backbone, pool.x, pool.t, source) - predicted(backbone, pool.x, pool.t, "")
    return predicted(backbone, pool.x, pool.t, base) - eta * away


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
