"""Settings of the closed-form methods."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from overpaint.methods.debiasing import CountedConfig

__all__ = [
    "EMPTY_PROMPT",
    "EditedConfig",
    "HeldConfig",
    "MapConfig",
    "Matrices",
    "OceConfig",
    "ReceConfig",
    "SpeedConfig",
    "Tokens",
    "UceConfig",
]

Tokens = Literal["last", "sequence", "matching", "context", "all"]
Matrices = Literal["kv", "k", "v"]
EMPTY_PROMPT = ("begin", "end", "padding")
"""Parts of the empty prompt."""


class EditedConfig(BaseModel):
    """Settings that all of them share, in the words of a plan's ``settings``: what is edited.

    tokens: which token states of a source prompt are to be read as which of the destination's (`tokens`).
    bare: the names alone, without their prompts.
    matrices: key and value matrices of cross-attention, or one kind alone.
    lambda: weight of all directions alike, ``||W' - W||^2``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    tokens: Tokens = "last"
    bare: bool = False
    matrices: Matrices = "kv"
    lambda_: float = Field(0.5, alias="lambda", gt=0)


class HeldConfig(EditedConfig):
    """Those of methods that weigh what must stay.

    protect: weight of each token of the empty prompt that is not fixed; None: as ``preserve``.
    preserve: weight of each token of the plan's preserve list; None: ``max(0.1, 1 / prompts)``, as first released.
    """

    protect: float | None = Field(1.0, ge=0)
    preserve: float | None = Field(1.0, ge=0)


class MapConfig(HeldConfig):
    """Those of the methods with one map for all matrices.

    strength: weight of each edited token.
    fixed: parts of the empty prompt whose tokens keep their outputs exactly.
    moment: weight of the captions' mean second moment (0: no captions are needed).
    captions: how many of the bundled captions.
    """

    strength: float = Field(1.0, gt=0)
    fixed: tuple[Literal["begin", "end", "padding"], ...] = ("begin",)
    moment: float = Field(0.0, ge=0)
    captions: int = Field(3000, ge=1)


class UceConfig(MapConfig, CountedConfig):
    """Those of UCE beside them.

    factors: for debias, how far each source goes towards each destination; found by `debias`, or on the text side.
    tolerance: twice the standard error down to which every source's shares are counted. Each round has pictures of its
        own, half of ``count_pictures`` at most.
    """

    factors: dict[str, dict[str, float]] = Field(default_factory=dict)
    count_rounds: int = Field(9, ge=1)


class ReceConfig(MapConfig):
    """Those of RECE beside them.

    rounds: how often embeddings are sought that the edited matrices still read as the source.
    closeness: weight of these embeddings' own norm (released: 0.1 for nudity and easy objects, 0.001 else).
    """

    rounds: int = Field(1, ge=1)
    closeness: float = Field(0.1, gt=0)


class SpeedConfig(EditedConfig):
    """Those of SPEED, which retains the plan's preserve list without a weight.

    strength: weight of the edited tokens' mean.
    threshold: eigenvalue of the retained states' second moment below which a direction is free.
    retain: how many captions' tokens to retain beside the preserve list.
    filter: of captions' states, and of variations of any, retain those alone that the edit would move at least as much
        as the mean of all; the preserve list's own states are always retained.
    augment: variations of each retained state, along what the matrices hardly see.
    centres: how many centres of the empty prompt's other tokens are fixed with its begin token.
    slack: weight of not fixing them exactly.
    shared: filter and augment by all matrices together, for one map; the paper does so for each matrix alone.
    """

    strength: float = Field(1.0, gt=0)
    threshold: float = Field(0.1, gt=0)
    retain: int = Field(0, ge=0)
    filter: bool = True
    augment: int = Field(10, ge=0)
    centres: int = Field(3, ge=0)
    slack: float = Field(0.0, ge=0)
    shared: bool = False


class OceConfig(HeldConfig):
    """Those of OCE: ``lambda`` is the weight of the identity against pairs of unit vectors.

    Nothing is exact here: the begin token counts 1, the empty prompt's other tokens ``protect``.
    """
