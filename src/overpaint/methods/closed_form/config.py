"""Settings of the closed-form methods."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["EMPTY_PROMPT", "MapConfig", "Matrices", "OceConfig", "ReceConfig", "SpeedConfig", "Tokens"]

Tokens = Literal["last", "sequence", "matching", "context", "all"]
Matrices = Literal["kv", "k", "v"]
EMPTY_PROMPT = ("begin", "end", "padding")
"""Parts of the empty prompt."""


class MapConfig(BaseModel):
    """Settings that all of them share, in the words of a plan's ``settings``.

    What is edited:
        tokens: which token states of a source prompt are to be read as which of the destination's (`tokens`).
        bare: the names alone, without their prompts.
        matrices: key and value matrices of cross-attention, or one kind alone.
        strength: weight of each edited token.

    What must stay:
        lambda: weight of all directions alike, ``||W' - W||^2``.
        fixed: parts of the empty prompt whose tokens keep their outputs exactly.
        protect: weight of each of its other tokens; None: as ``preserve``.
        preserve: weight of each token of the plan's preserve list; None: ``max(0.1, 1 / prompts)``, as first released.
        moment: weight of the captions' mean second moment (0: no captions are needed).
        captions: how many of the bundled captions.

    factors: for debias, how far each source goes towards each destination; found by `debias`, or on the text side.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    tokens: Tokens = "last"
    bare: bool = False
    matrices: Matrices = "kv"
    strength: float = Field(1.0, gt=0)

    lambda_: float = Field(0.5, alias="lambda", gt=0)
    fixed: tuple[Literal["begin", "end", "padding"], ...] = ("begin",)
    protect: float | None = Field(1.0, ge=0)
    preserve: float | None = Field(1.0, ge=0)
    moment: float = Field(0.0, ge=0)
    captions: int = Field(3000, ge=1)

    factors: dict[str, dict[str, float]] = Field(default_factory=dict)


class ReceConfig(MapConfig):
    """Those of RECE beside them.

    rounds: how often embeddings are sought that the edited matrices still read as the source.
    closeness: weight of these embeddings' own norm (released: 0.1 for nudity and easy objects, 0.001 else).
    """

    rounds: int = Field(1, ge=1)
    closeness: float = Field(0.1, gt=0)


class SpeedConfig(MapConfig):
    """Those of SPEED beside them.

    threshold: eigenvalue of the retained states' second moment below which a direction is free.
    retain: how many captions' tokens to retain beside the preserve list.
    filter: retain only states that the edit would move more than average.
    augment: variations of each retained state, along what the matrices hardly see.
    centres: how many centres of the empty prompt's other tokens are fixed with its begin token.
    slack: weight of not fixing them exactly.
    shared: filter and augment by all matrices together, for one map; the paper does so for each matrix alone.
    """

    threshold: float = Field(0.1, gt=0)
    retain: int = Field(0, ge=0)
    filter: bool = True
    augment: int = Field(10, ge=0)
    centres: int = Field(3, ge=0)
    slack: float = Field(0.0, ge=0)
    shared: bool = False


class OceConfig(MapConfig):
    """Those of OCE: ``lambda`` is the weight of the identity against pairs of unit vectors."""
