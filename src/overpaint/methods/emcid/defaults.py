"""EMCID's presets, and the defaults of each family.

Published settings: arXiv 2403.13807, appendix, and the release's hyper-parameter files (`s-200 ... ly-11 lr-0.2`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from overpaint.emoji.templates import FREE_FORM_TRAINING
from overpaint.plan import Plan

__all__ = ["AS_RELEASED", "CONTEXTS", "DEFAULTS", "PRESETS", "PUBLISHED", "defaults", "defaults_of_plan"]

CONTEXTS = FREE_FORM_TRAINING[:: len(FREE_FORM_TRAINING) // 8][:8]
"""Sentences around a phrase for the bundled model; 20 reach no more."""

PUBLISHED: Mapping[str, Any] = MappingProxyType(
    {"lambda": 4000.0, "alpha": 0.5, "steps": 200, "rate": 0.2, "weight_decay": 5e-4, "text_weight": 0.01, "clamp": 1.5}
)
"""The paper's main settings for Stable Diffusion 1.4."""

AS_RELEASED: Mapping[str, Any] = MappingProxyType(
    {
        **PUBLISHED,
        "residual": "mlp",
        "contexts": (),
        "values": "noise",
        "warm_start": False,
        "v0": "first",
        "conditioning": "short",
        "precision": "float32",
        "image_source": "source",
        "image_steps": 50,
        "image_guidance": 7.5,
        "round_trip": True,
        "padding": 0.0,
        "protect": 0.0,
        "preserve": 0.0,
        "reach": 0.0,
        "insist": 0.0,
    }
)
"""What the release does beside them; bugs are not reproduced (unseeded noise and flips, phrases found by search)."""

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"emcid": {}, "emcid-paper": AS_RELEASED, "emcid-copy": {"values": "copy"}}
)
"""What a preset says for every family; it goes before the family's defaults."""

DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # the bundled model; blocks, lambda, contexts and steady are the best in text space (benchmarks/text_space.py),
        # ten steps of states as good in pictures as noise at a fifteenth of the time (benchmarks/stage_one.py)
        "emoji": {
            "values": "auto",
            "tail": 2,
            "states_steps": 10,
            "states_rate": 0.1,
            "blocks": (0, 1, 2, 3),
            "lambda": 7_000.0,
            "reach": 0.25,
            "insist": 0.5,
            "steady": 10.0,
            "contexts": CONTEXTS,
            "steps": 40,
            "rate": 0.05,
            "text_weight": 0.01,
            "image_steps": 12,
            "draws": 16,
            "batch": 32,
            "captions": 3096,  # every concept twice
        },
        # the model of the paper; nobody has measured better settings on it
        "sd1": {**PUBLISHED, "blocks": tuple(range(11)), "batch": 8},
        # not in the paper: its settings, the blocks by a causal trace
        "sd2": {**PUBLISHED, "batch": 8},
        # the release's file and run for SDXL, where each encoder's values act right where the denoiser reads
        "sdxl": {
            "blocks": {"text_encoder": (8, 9, 10), "text_encoder_2": (26, 27, 28, 29, 30)},
            "lambda": {"text_encoder": 6000.0, "text_encoder_2": 10000.0},
            "alpha": 0.5,
            "steps": 100,
            "rate": 0.1,
            "states_rate": 0.1,
            "weight_decay": 8e-3,
            "text_weight": 0.005,
            "clamp": 1.2,
            "batch": 2,
        },
        # nothing is published: the paper's settings, learning from texts alone, blocks by a causal trace
        "flux": {**PUBLISHED, "values": "pooled", "text_target": "positions", "batch": 4},
        "sd3": {**PUBLISHED, "values": "pooled", "text_target": "positions", "batch": 4},
        "flux2-klein": {**PUBLISHED, "values": "pooled", "text_target": "positions", "batch": 4},
        # no padding is read
        "z-image": {**PUBLISHED, "values": "pooled", "text_target": "positions", "padding": 0.0, "batch": 4},
        "qwen-image": {**PUBLISHED, "values": "pooled", "text_target": "positions", "padding": 0.0, "batch": 4},
    }
)
"""Defaults by backbone family."""

PAPER_BLOCKS = tuple(range(11))
"""Blocks of the release for one text encoder; it knows those of 12 blocks only."""


def defaults(preset: str, family: str, depths: Mapping[str, int], precision: str = "float32") -> dict[str, Any]:
    """Settings of a preset on a family, to be overridden by a plan's.

    ``depths``: blocks of each text encoder that the denoiser sees. Where one of them has none of a default's, a causal
    trace chooses. ``precision``: the device's fastest, which the bundled model is edited in, where that was measured.
    """
    family_own = DEFAULTS.get(family, {})
    merged = {**family_own, **PRESETS[preset]}
    if family == "emoji":
        merged.setdefault("precision", precision)
    if preset == "emcid-paper":
        # the release's values where the family has none of its own
        merged |= {name: family_own[name] for name in PUBLISHED if family == "sdxl"}
        if family in ("sd1", "sd2"):
            merged["blocks"] = PAPER_BLOCKS
    blocks = merged.get("blocks")
    if isinstance(blocks, Mapping):
        found = {name: tuple(b for b in chosen if b < depths[name]) for name, chosen in blocks.items()}
        merged["blocks"] = found if all(found.values()) else None
    elif blocks is not None:
        (depth,) = depths.values()
        merged["blocks"] = tuple(b for b in blocks if b < depth)
    return merged


def defaults_of_plan(preset: str, plan: Plan) -> dict[str, Any]:
    """What the release sets where pictures alone say what a concept is: more steps, and nothing of the text."""
    pictured = preset == "emcid-paper" and all(edit.images for edit in plan.edits)
    return {"steps": 300, "text_weight": 0.0} if pictured else {}
