"""Settings of Concept Ablation, and where their defaults come from.

Published (arXiv 2303.13516, and the authors' scripts): 1,000 anchor pictures by 25 steps at guidance 6, 100 updates of
8 rows at a rate of 1.6e-5 on cross-attention's keys and values, AdamW with a decay of 0.01, gradients clipped at 1; for
whole denoisers 400 updates at 4e-6: the script's 5e-7 times the 8 rows, as its rate for cross-attention is scaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from overpaint.emoji.styled import styled_pairs
from overpaint.methods.ablation.scenes import styled_scenes
from overpaint.methods.origins import Origins, origins
from overpaint.methods.slots import Styled
from overpaint.methods.styled import STYLE
from overpaint.plan import Plan

__all__ = ["DEFAULTS", "OWN", "AblationConfig", "Parameters", "defaults", "defaults_of_plan", "origins_of"]

Parameters = Literal["cross", "embedding", "full"]


class AblationConfig(BaseModel):
    """All settings, in the words of a plan's ``settings``.

    What is learned:
        parameters: ``cross``, keys and values of cross-attention; ``embedding``, the token embeddings of the concept's
            name that its anchor does not share; ``full``, all layers of the denoiser but its norms.
        objective: ``model``, the anchor's prediction; ``noise``, the noise itself on the anchor's pictures under the
            concept's name.
        teacher: for ``model``, the ``current`` network without gradients, as published, whose anchor may drift with the
            concept, or the ``original`` one.

    What it is learned on:
        images: anchor pictures for each concept, drawn by the original model over its prompts. image_steps, guidance:
            how they are drawn (guidance None: the model's own).
        styled: of edits of kind ``style``, prompts that say the style of something, each with what it is predicted as,
            ``{"a painting of a cat by {}": ["a painting of a cat"]}``: the first that names nothing which the plan
            edits. They stand in for the plan's prompts. Where the plan says what a style becomes, that stands in the
            prompt itself.

    Optimisation:
        steps: updates for a concept. further: for each further one of the same run; None: as many again.
        batch: rows of an update. rate, weight_decay: of AdamW. clip: largest norm of the gradients.
        precision: of the denoiser in training and drawing; trained tensors are float32 all the same.

    What must stay:
        prior: weight of denoising the anchor's pictures under the anchor's own name (published with ``noise``: 1).
        preserve: weight of keeping the original predictions for the plan's preserve list. preserve_images: pictures
            for each name on it.

    checkpoint_every: updates between states that a stopped run goes on from; 0: none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: Parameters = "cross"
    objective: Literal["model", "noise"] = "model"
    teacher: Literal["current", "original"] = "current"

    images: int = Field(1000, ge=1)
    image_steps: int = Field(25, ge=1)
    guidance: float | None = 6.0
    styled: Styled = Field(default_factory=dict)

    steps: int = Field(100, ge=1)
    further: int | None = Field(None, ge=1)
    batch: int = Field(8, ge=1)
    rate: float = Field(1.6e-5, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"

    prior: float = Field(0.0, ge=0)
    preserve: float = Field(1.0, ge=0)
    preserve_images: int = Field(8, ge=1)

    checkpoint_every: int = Field(100, ge=0)


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"ablation": {}, "ablation-noise": {"objective": "noise", "prior": 1.0}}
)
"""What a preset says for every family and parameter set."""

MEASURED: Mapping[str, Any] = MappingProxyType({"steps": 150, "rate": 4e-4, "prior": 3.0})
"""On the bundled model by ``ablation``, chosen on single replacements of its validation split.

A higher rate reaches the anchor as well and takes the rest along; so does a weaker prior.
"""

DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # guesses, and what was measured
        "emoji": {
            "teacher": "original",
            "images": 32,
            "image_steps": 12,
            "guidance": None,
            "checkpoint_every": 50,
            **MEASURED,
        },
        "sd1": {},
        # nothing is published for it: the settings of its predecessor
        "sd2": {},
    }
)
"""Defaults by backbone family, on cross-attention."""

_WHOLE: Mapping[str, Any] = MappingProxyType({"steps": 400, "rate": 4e-6})

OWN: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        # a guess: a quarter of cross-attention's rate, as published
        "emoji": {"full": {"rate": 1e-4}},
        "sd1": {"full": _WHOLE},
        "sd2": {"full": _WHOLE},
        "sdxl": {"full": _WHOLE},
    }
)
"""Where parameter sets differ from cross-attention, by backbone family. Token embeddings take its settings, untried."""


def defaults(name: str, family: str) -> dict[str, Any]:
    """Settings of a preset on a family, to be overridden by a plan's."""
    return {**DEFAULTS.get(family, {}), **PRESETS[name]}


def defaults_of_plan(family: str, plan: Plan) -> dict[str, Any]:
    """What holds instead for the parameters that a plan names, whatever the preset, and for styles."""
    named = plan.settings.get("parameters")
    found = dict(OWN.get(family, {}).get(named, {})) if isinstance(named, str) else {}
    if any(edit.kind == STYLE for edit in plan.edits):
        # many pictures of few things would teach how these look
        found |= {"styled": styled_pairs(), "images": 256} if family == "emoji" else {"styled": styled_scenes()}
    return found


_KEPT = ("parameters", "objective", "batch", "weight_decay", "clip", "prior")
"""Published settings that the bundled model has, too."""


def origins_of(name: str, family: str) -> Origins:
    """Where the defaults come from."""
    if family == "emoji":
        found = origins(family, _KEPT)
        return found.measuring(MEASURED) if name == "ablation" else found
    return origins(family, (*_KEPT, "teacher", "images", "image_steps", "guidance", "steps", "rate"), "sd1")
