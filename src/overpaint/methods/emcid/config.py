"""Settings of EMCID, and what they may be together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from overpaint.methods.debiasing import CountedConfig
from overpaint.methods.slots import Contexts

__all__ = ["BATCH", "EmcidConfig", "Objective", "Positions"]

BATCH = 8
"""Concepts optimised together where settings do not say."""
EARLY = 4
"""Times the steps for a value before its phrase's last token: so P(watermelon) falls to 0, and to .8 without."""

Share = dict[str, float]
Blocks = tuple[int, ...]
Positions = Literal["last", "subject", "onward"]
Objective = Literal["destination", "esd", "images"]


class EmcidConfig(CountedConfig):
    """All settings, in the words of a plan's ``settings``, beside those of counting.

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
        reach: a value stands at the last token of its phrase that a change reaches at least this share as far as the
            one that it reaches furthest; captions that use a token for something else hold it in place. 0: at the
            last one in any case, as published.
        insist: where captions hold a phrase, its conditions count so many times that a lone change there would still
            come this share of the way. 0: once in any case, as published.
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

    blocks: Blocks | dict[str, Blocks] | None = None
    residual: Literal["stream", "mlp"] = "stream"
    lambda_: float | dict[str, float] = Field(4000.0, alias="lambda")
    alpha: float = Field(0.5, gt=0, lt=1)
    contexts: Contexts = ()
    positions: Positions = "last"
    reach: float = Field(0.0, ge=0, lt=1)
    insist: float = Field(0.0, ge=0, lt=1)
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

    def for_early(self) -> EmcidConfig:
        """The settings for values that do not stand at the last token: a copied one is no good start there."""
        return self.model_copy(update={"steps": EARLY * self.steps, "states_steps": EARLY * self.states_steps})

    @property
    def together(self) -> int:
        """Concepts optimised at the same time."""
        return self.batch or BATCH
