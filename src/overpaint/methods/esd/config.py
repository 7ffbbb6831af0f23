"""Settings of ESD, its variants, and where their defaults come from.

Published: the paper (arXiv 2303.07345, section 5: 1,000 updates of batch 1 at rate 1e-5, guidance 3, 50 DDIM steps,
eta 1) and, for SDXL, the authors' script (200 updates; rate 2e-4 for cross-attention, 1e-5 otherwise; guidance 2; its
eta' of 1 is 0 here). Their newer script for SD 1.4 makes 200 updates at 5e-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from overpaint.emoji.styled import styled_pairs
from overpaint.methods.esd.selection import VARIANTS, Variant
from overpaint.methods.origins import Origins, origins
from overpaint.methods.slots import Styled
from overpaint.methods.styled import STYLE
from overpaint.plan import Plan

__all__ = ["DEFAULTS", "EsdConfig", "defaults", "defaults_of_plan", "origins_of"]


class EsdConfig(BaseModel):
    """All settings, in the words of a plan's ``settings``.

    What is learned:
        parameters: `overpaint.methods.esd.selection`.
        eta: strength of the negative guidance as in the paper; the authors' newer code counts 1 more.
        prompts: the concept's ``name`` alone (as published), or the plan's ``templates`` for it.
        styled: of edits of kind ``style``, further prompts, which say the style of something, each with the same prompt
            without it, or in other styles, ``{"a cat by {}": ["a cat by Monet", "a cat"]}``: the first that names
            nothing which the plan edits. Where the plan says what a style becomes, that stands in the prompt itself.
            It stands in for the empty prompt there, so that nothing but the style is turned away from.

    What it is learned on:
        sampling: ``cached`` trajectories, every step of which is used and serves many updates, or as ``published``,
            one partial trajectory for each update.
        on_policy_every: after how many updates the model being trained draws new trajectories; None: the original
            model draws them, once. For ``published`` 1 is the paper, None the authors' newer scripts.
        trajectories: drawn for each prompt at a time. image_steps: of a trajectory. guidance: of it.

    Optimisation:
        steps: updates for a concept. further: for each further one of the same run; None: as many again. What one
            concept has taught turns the others away as well, and damage to the rest grows with the updates.
        batch: rows of an update. rate: of Adam. falling: to zero over the updates, in a straight line.
        rank: train LoRA factors of this rank instead of whole matrices (needs peft); biases stay.
        precision: of the denoiser in training; weights, predictions' targets and losses are float32 all the same.

    What must stay:
        preserve: weight of keeping predictions for the plan's preserve list and of the settings below.
        preserve_trajectories: drawn for each prompt of the preserve list.
        protect: keep the empty prompt's predictions, too, since guidance subtracts them, and those of styled prompts.
        captions: draw so many captions, one trajectory each, and keep those that do not name an erased concept.

    When to stop:
        until: ``steps``, all of them; ``gone``, as soon as little enough is left of every concept; ``strength``, after
            all steps, at the smallest strength of the change at which that holds.
        measure: what is left as ``predictions`` show it, the share of the way to the target on validation noise, or as
            ``pictures`` do, the probability that a grader gives the concept in them. In Python a validator of one's own
            may measure something else.
        gone: how little; None: of the way so much that nothing of the concept is left in a prediction (see `enough`),
            but not less than 0.2; of probability 0.05.
        validate_every: updates between measurements. validate_prompts: at most, for each concept, by chance.
            validate_trajectories: drawn for each of them, or pictures.

    checkpoint_every: updates between states that a stopped run goes on from; 0: none. A state is three times as large
        as what is trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: Variant = "x"
    eta: float = Field(1.0, ge=0)
    prompts: Literal["name", "templates"] = "name"
    styled: Styled = Field(default_factory=dict)

    sampling: Literal["cached", "published"] = "cached"
    on_policy_every: int | None = Field(None, ge=1)
    trajectories: int = Field(20, ge=1)
    image_steps: int = Field(50, ge=2)
    guidance: float = Field(3.0, gt=1)

    steps: int = Field(1000, ge=1)
    further: int | None = Field(None, ge=1)
    batch: int = Field(1, ge=1)
    rate: float = Field(1e-5, gt=0)
    falling: bool = False
    rank: int | None = Field(None, ge=1)
    precision: Literal["float32", "bfloat16"] = "float32"

    preserve: float = Field(1.0, ge=0)
    preserve_trajectories: int = Field(4, ge=1)
    protect: bool = False
    captions: int = Field(0, ge=0)

    until: Literal["steps", "gone", "strength"] = "steps"
    measure: Literal["predictions", "pictures"] = "predictions"
    gone: float | None = None
    validate_every: int = Field(50, ge=1)
    validate_prompts: int = Field(16, ge=1)
    validate_trajectories: int = Field(2, ge=1)

    checkpoint_every: int = Field(100, ge=0)

    def enough(self, apart: bool = False) -> float:
        """How little is gone; ``apart``: of what is erased from another concept, as X from Y.

        Of the way to ``e(0) - eta (e(c) - e(0))`` that where the prediction has no part towards c, ``eta / (1 + eta)``;
        of that to ``e(Y) - eta (e(X) - e(0))`` that where as much as X has is taken from Y, ``1 - 1 / eta``.
        """
        if self.gone is not None:
            return self.gone
        if self.measure == "pictures":
            return 0.05
        return max(1 - 1 / self.eta if apart else self.eta / (1 + self.eta), 0.2)

    def refreshed(self, prompts: int, length: int) -> tuple[int, int]:
        """After the first round, of how many of a concept's prompts trajectories of so many steps are drawn, and how
        many of each: no more than serve the updates of a round."""
        wanted = -(-(self.on_policy_every or 1) * self.batch // length)
        return min(prompts, wanted), max(1, min(self.trajectories, -(-wanted // prompts)))

    @model_validator(mode="after")
    def _one_loop(self) -> EsdConfig:
        if self.sampling == "published" and self.on_policy_every not in (None, 1):
            raise ValueError(
                "published sampling draws anew for every update: on_policy_every is 1 (the paper) or empty"
            )
        return self


_FLOW: Mapping[str, Any] = MappingProxyType(
    {"steps": 200, "rate": 1e-4, "guidance": 3.0, "eta": 1.0, "image_steps": 28, "trajectories": 8}
)

DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # ten concepts in one run were tried on its validation split; the rest are guesses
        "emoji": {
            "prompts": "templates",
            "trajectories": 4,
            "image_steps": 20,
            "steps": 150,
            "batch": 8,
            "preserve": 5.0,
            "protect": True,
            "further": 20,
            "captions": 256,
            "validate_every": 25,
            "checkpoint_every": 50,
        },
        "sd1": {"steps": 1000, "rate": 1e-5, "guidance": 3.0, "eta": 1.0},
        # nothing is published for it: the settings of its predecessor
        "sd2": {"steps": 1000, "rate": 1e-5, "guidance": 3.0, "eta": 1.0},
        # as many rows as the updates take
        "sdxl": {"steps": 200, "guidance": 2.0, "eta": 0.0, "trajectories": 4},
        # the authors' rate for FLUX.1; drawn with the paper's guidance, by two predictions, distilled or not
        "sd3": _FLOW,
        "z-image": _FLOW,
        "qwen-image": _FLOW,
        "flux2-klein": _FLOW,
        "flux": _FLOW,
    }
)
"""Defaults by backbone family."""

OWN: Mapping[str, Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        # esd-u's on the validation split; slower or keeping more, it leaves what other names mean
        "emoji": {
            "x": {"rate": 1e-4},
            "x-strict": {"rate": 1e-4},
            "u": {"rate": 1e-4, "preserve": 1.0},
            "all": {"rate": 3e-5},
            "selfattn": {"rate": 1e-4},
        },
        "sdxl": {
            "x": {"rate": 2e-4},
            "x-strict": {"rate": 2e-4},
            "u": {"rate": 1e-5},
            "all": {"rate": 1e-5},
            "selfattn": {"rate": 1e-5},
        },
    }
)
"""Where variants differ; those of the bundled model but esd-u's are guesses as well."""

SEVERAL: Mapping[str, Any] = MappingProxyType({"captions": 1024})
"""What holds instead for plans that erase several concepts of the bundled model, chosen on ten of its validation split.

Many updates change much that no caption holds; so more are held.
"""

STYLES: Mapping[str, Any] = MappingProxyType(
    {"steps": 1000, "falling": True, "eta": 0.0, "preserve": 1.0, "trajectories": 1}
)
"""What holds instead for plans that erase styles of the bundled model, chosen for esd-x on two of them on its
validation split.

Asked for without a style it draws a mixture of all, the erased one among them; so a style turns into another one.
"""

STYLES_OWN: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "x": {"rate": 1e-3},
        "x-strict": {"rate": 1e-3},
        # on things that it was not shown it comes half of the way, and so aims further
        "u": {"rate": 3e-4, "eta": 0.6, "steps": 500},
        "all": {"rate": 3e-4},
        "selfattn": {"rate": 1e-3},
    }
)
"""Where variants differ then: esd-u chosen on one style of the validation split, all but that and esd-x guessed."""

APART: Mapping[str, float] = MappingProxyType({"sd1": 2.0, "sd2": 2.0, "sdxl": 1.0})
"""``eta`` of the authors' scripts where all that is erased is erased from another concept: counted as here then.

In company of other erasures it is 1: SDXL's 0 for those, 1 in the scripts, would leave the target at the prediction.
"""


def defaults(name: str, family: str, precision: str = "float32") -> dict[str, Any]:
    """Settings of the method ``esd-<variant>`` on a family, to be overridden by a plan's.

    ``precision``: the device's fastest, in which the bundled model is trained.
    """
    variant = next(v for v in VARIANTS if name == f"esd-{v}")
    merged = {**DEFAULTS.get(family, {}), "parameters": variant}
    if family == "emoji":
        merged["precision"] = precision
    return {**merged, **OWN.get(family, {}).get(variant, {})}


def defaults_of_plan(name: str, family: str, plan: Plan) -> dict[str, Any]:
    """What holds instead for a plan that erases something from another concept, or styles alone, or several things."""
    apart = [edit.within is not None for edit in plan.edits]
    if family != "emoji":
        return {"eta": APART[family] if all(apart) else 1.0} if family in APART and any(apart) else {}
    if any(edit.kind != STYLE or edit.within is not None for edit in plan.edits):
        return dict(SEVERAL) if sum(len(edit.edited) for edit in plan.edits) > 1 else {}
    return {**STYLES, **STYLES_OWN[name.removeprefix("esd-")], "styled": styled_pairs()}


PUBLISHED = frozenset(("parameters", "eta", "prompts", "guidance", "image_steps", "steps", "batch", "rate"))
"""Settings of the paper's loop, and of the authors' scripts."""


def origins_of(name: str, family: str) -> Origins:
    """Where the defaults come from; the paper's model is SD 1.4, and of SDXL the scripts know all variants but one."""
    if family == "emoji":
        measured = {"further", "captions"} | ({"rate", "preserve"} if name == "esd-u" else set())
        return Origins(carried=frozenset(("parameters", "eta", "guidance")), measured=frozenset(measured))
    if family == "sdxl" and name == "esd-selfattn":
        return Origins(published=PUBLISHED - {"parameters"}, carried=frozenset(("parameters",)))
    if family in ("sd1", "sd2", "sdxl"):
        return origins(family, PUBLISHED, "sd1", "sdxl")
    rate = frozenset(("rate",)) if family == "flux" else frozenset()
    return Origins(published=rate, carried=PUBLISHED - rate - {"image_steps"})
