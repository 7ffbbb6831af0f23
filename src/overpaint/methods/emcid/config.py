"""Settings of EMCID, its presets, and where their defaults come from.

Published settings: arXiv 2403.13807, appendix, and the release's hyper-parameter files (`s-200 ... ly-11 lr-0.2`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from overpaint.emoji.templates import FREE_FORM_TRAINING
from overpaint.plan.checks import template

__all__ = ["AS_RELEASED", "BATCH", "CONTEXTS", "DEFAULTS", "PRESETS", "PUBLISHED", "EmcidConfig", "defaults"]

BATCH = 8
"""Concepts optimised together where settings do not say."""

CONTEXTS = FREE_FORM_TRAINING[:: len(FREE_FORM_TRAINING) // 8][:8]
"""Sentences around a phrase for the bundled model; 20 reach no more."""

Share = dict[str, float]
Blocks = tuple[int, ...]
Positions = Literal["last", "subject", "onward"]
Objective = Literal["destination", "esd", "images"]


class EmcidConfig(BaseModel):
    """All settings, in the words of a plan's ``settings``.

    Where to edit:
        blocks: feed-forward layers to change, values act after the last one; None: a causal trace chooses. For a model
            of several text encoders a list for each that is to be edited: ``{text_encoder: [...], ...}``.
        residual: what Stage II still misses, ``stream`` (state after the last edited block) or ``mlp`` (as released:
            this block's feed-forward output, which is only a part of the state).
        lambda: weight of the captions' second moment, one for all text encoders or one for each; alpha: weight of
            edits against it, only ``lambda (1 - alpha) / alpha`` matters.
        contexts: sentences with one ``{}`` in which the phrases of things and persons are met beside their templates.
            With any, each prompt's key and wanted state is a condition of its own; with none, as published, a concept's
            mean is.
        positions: which tokens are edited: a phrase's ``last`` one, all of the ``subject``, or all from it ``onward``,
            for phrases that are passed on before their last token. At the others the destination's states are wanted.
        steady: how much the change is kept from reading what a sentence adds to a phrase's key; an edit
            counts 1.

    Values (Stage I):
        values: ``copy`` (the destination's own state, nothing is optimised), ``pooled`` (text alignment alone),
            ``states`` (all states that are read from the subject on, as near as they come, without the denoiser),
            ``noise`` (noise predictions and text alignment), or ``auto``: ``states`` of concepts that are to become
            like a phrase, ``noise`` where there is none.
        warm_start: begin an optimisation with the copied value (yes), with what ``states`` learns, or with zero (no).
        metric: in which states are near: the ``denoiser``'s, ``sum W^T W`` over its layers that read them, or
            ``identity``. states_in: ``prompts``, or ``contexts`` beside them. tail: so many padding tokens behind the
            end token; None: all. Few are faster where attention is causal.
        student: where the value stands in a prompt: on the source's own state there, ``moved`` by delta (as published),
            or ``placed`` on the destination's, which is where Stage II wants it in contexts.
        erase: towards an ``anchor`` (the plan's ``to`` or the kind's neutral word), by negative guidance (``esd``), or
            ``auto``: anchor where there is one.
        mu: strength of negative guidance.
        steps, rate: of Adam; states_steps, states_rate: of Adam for ``states``.
        weight_decay: of ``||delta|| / ||v0||^2``. clamp: largest ``||delta|| / ||v0||``.
        text_weight: of the text loss (0: none); text_target: ``pooled`` end token or all ``positions`` from it on.
        v0: the value's origin, ``mean`` over prompts or the ``first`` prompt's.
        conditioning: what the denoiser reads in training: ``window``, the whole unmasked one as in use, or ``short``,
            the prompts padded to the longest with masked padding (as released).
        precision: of the denoiser in training and drawing, and of the text encoders' blocks that a value acts on in
            training; ``bfloat16`` is much faster where there are units for it.
        draws: noise draws made once per concept and used in turn, with their targets; None: fresh ones every step.
        timesteps: of draws, ``uniform`` or ``stratified``, spread evenly over the draws of a concept.
        patience: a concept is done when its validation loss (of draws kept apart, or the text's) has not fallen by the
            share ``flat`` in so many steps; the next one takes its place. None: all take ``steps``.

    Pictures that noise is added to:
        image_source: drawn from prompts of the ``source`` (as released) or the ``destination`` (the paper's figure).
        images_per_prompt, image_steps, image_guidance: how they are drawn (guidance None: the model's own).
        round_trip: decode and encode them again and sample from the posterior (as released), or keep the latents.

    What must stay:
        captions: how many of the bundled captions the second moments are taken of.
        padding: how much a padding token counts there against a caption's (0: leave it out).
        protect: weight of each token of the empty prompt (what guidance subtracts), preserve: of each token of the
            plan's preserve list; an edit counts 1.

    factors: for debias, measured mixture factors by source and destination; the wanted shares if not given.
    batch: concepts optimised together; changes speed, not results.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    blocks: Blocks | dict[str, Blocks] | None = None
    residual: Literal["stream", "mlp"] = "stream"
    lambda_: float | dict[str, float] = Field(4000.0, alias="lambda")
    alpha: float = Field(0.5, gt=0, lt=1)
    contexts: tuple[str, ...] = ()
    positions: Positions = "last"
    steady: float = Field(0.0, ge=0)

    values: Literal["copy", "pooled", "states", "noise", "auto"] = "noise"
    warm_start: bool | Literal["states"] = True
    metric: Literal["denoiser", "identity"] = "denoiser"
    states_in: Literal["prompts", "contexts"] = "prompts"
    tail: int | None = Field(None, ge=0)
    student: Literal["moved", "placed"] = "moved"
    erase: Literal["auto", "anchor", "esd"] = "auto"
    mu: float = Field(1.0, ge=0)
    steps: int = Field(200, ge=1)
    rate: float = Field(0.2, gt=0)
    states_steps: int = Field(40, ge=1)
    states_rate: float = Field(0.2, gt=0)
    weight_decay: float = Field(5e-4, ge=0)
    clamp: float = Field(1.5, gt=0)
    text_weight: float = Field(0.01, ge=0)
    text_target: Literal["pooled", "positions"] = "pooled"
    v0: Literal["mean", "first"] = "mean"
    conditioning: Literal["window", "short"] = "window"
    precision: Literal["float32", "bfloat16"] = "float32"
    draws: int | None = Field(None, ge=1)
    timesteps: Literal["uniform", "stratified"] = "uniform"
    patience: int | None = Field(None, ge=1)
    flat: float = Field(0.01, gt=0, lt=1)

    image_source: Literal["source", "destination"] = "source"
    images_per_prompt: int = Field(1, ge=1)
    image_steps: int = Field(50, ge=1)
    image_guidance: float | None = None
    round_trip: bool = False

    captions: int = Field(3000, ge=1)
    padding: float = Field(1.0, ge=0)
    protect: float = Field(1.0, ge=0)
    preserve: float = Field(1.0, ge=0)

    factors: dict[str, Share] = Field(default_factory=dict)
    batch: int | None = Field(None, ge=1)

    @field_validator("blocks")
    @classmethod
    def _rising(cls, blocks: Blocks | dict[str, Blocks] | None) -> Blocks | dict[str, Blocks] | None:
        lists = blocks.values() if isinstance(blocks, dict) else [] if blocks is None else [blocks]
        for one in lists:
            if not one or min(one) < 0 or list(one) != sorted(set(one)):
                raise ValueError("must be block numbers from 0 in rising order")
        if blocks == {}:
            raise ValueError("must name a text encoder")
        return blocks

    @field_validator("contexts")
    @classmethod
    def _slotted(cls, contexts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(template, contexts))

    @field_validator("lambda_")
    @classmethod
    def _positive(cls, weight: float | dict[str, float]) -> float | dict[str, float]:
        if min(weight.values() if isinstance(weight, dict) else [weight]) <= 0:
            raise ValueError("must be more than 0")
        return weight

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> EmcidConfig:
        if self.values == "pooled" and self.text_weight == 0:
            raise ValueError("values 'pooled' learn from the text loss alone; give text_weight more than 0")
        if self.values in ("states", "auto") and self.warm_start == "states":
            raise ValueError(f"values {self.values!r} cannot begin with themselves; take warm_start: yes")
        if self.matches_states and self.conditioning == "short":
            raise ValueError("states are compared in the whole window that is read in use; take conditioning: window")
        if self.matches_states and self.states_in == "contexts" and not self.contexts:
            raise ValueError("states_in 'contexts' needs some; give contexts or take states_in: prompts")
        return self

    @property
    def matches_states(self) -> bool:
        """Whether states are compared at all, for the value itself or to begin with."""
        return self.values in ("states", "auto") or (self.values != "copy" and self.warm_start == "states")

    def settled(self, objective: Objective) -> EmcidConfig:
        """The settings by which a concept of that objective is learned, ``auto`` no longer among them."""
        if self.values != "auto":
            return self
        return self.model_copy(update={"values": "states" if objective == "destination" else "noise"})

    @property
    def of_states(self) -> EmcidConfig:
        """The settings by which states are searched for, with their own steps and rate."""
        return self.model_copy(update={"steps": self.states_steps, "rate": self.states_rate})

    @property
    def together(self) -> int:
        """Concepts optimised at the same time."""
        return self.batch or BATCH


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
