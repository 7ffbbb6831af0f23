"""How a guard bends a guided prediction.

Classifier-free guidance draws with ``e0 + g (ep - e0)``, where ``e0`` is predicted for the empty prompt and ``ep`` for
the prompt. A rule gives other ``e0`` and ``ep`` to whoever computes that sum, so it never has to know ``g``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

__all__ = ["RULES", "Momentum", "NegativePrompt", "Rule", "SafeGuidance", "from_data", "safety_term"]


@dataclass
class Momentum:
    """What a rule carries through one drawing: the number of the prediction, from 0, and the running mean."""

    step: int = 0
    value: Tensor | None = None


class Rule(Protocol):
    """A way to avoid a concept.

    Attributes:
        kind: its name in files.
        concept: the text that is avoided.
        replaces: whether the concept takes the empty prompt's place; otherwise a third prediction is made for it.
    """

    kind: ClassVar[str]
    replaces: ClassVar[bool]

    @property
    def concept(self) -> str:
        """The text that is avoided."""
        ...

    def bend(self, without: Tensor, along: Tensor, avoided: Tensor | None, memory: Momentum) -> tuple[Tensor, Tensor]:
        """New ``(e0, ep)`` (n, c, h, w) from these and the concept's prediction, which is there unless it replaces."""
        ...


@dataclass(frozen=True)
class NegativePrompt:
    """``eps = e(concept) + g (ep - e(concept))``: the concept in place of the empty prompt."""

    kind: ClassVar[str] = "negative"
    replaces: ClassVar[bool] = True

    concept: str

    def bend(self, without: Tensor, along: Tensor, avoided: Tensor | None, memory: Momentum) -> tuple[Tensor, Tensor]:
        """See `Rule`. Nothing is left to do once ``without`` was predicted for the concept."""
        return without, along


@dataclass(frozen=True)
class SafeGuidance:
    """Safe Latent Diffusion (arXiv 2211.05105, eq. 3 to 8): guidance away from a concept where the prompt nears it.

    Attributes:
        warmup: predictions before the first that is bent (delta); the momentum builds up meanwhile.
        scale: how soon a difference counts in full (s_S).
        threshold: the largest signed difference between prompt and concept that counts (lambda).
        momentum: weight of the running mean (s_m). decay: of the running mean itself (beta_m).
    """

    kind: ClassVar[str] = "sld"
    replaces: ClassVar[bool] = False

    concept: str
    warmup: int = 10
    scale: float = 1000.0
    threshold: float = 0.01
    momentum: float = 0.3
    decay: float = 0.4

    def bend(self, without: Tensor, along: Tensor, avoided: Tensor | None, memory: Momentum) -> tuple[Tensor, Tensor]:
        """See `Rule`. ``ep - gamma`` in place of ``ep``: ``e0 + g (ep - gamma - e0)`` is equation 3."""
        assert avoided is not None
        term = safety_term(without, along, avoided, self.scale, self.threshold)
        if memory.value is not None:
            term = term + self.momentum * memory.value  # eq. 7
        before = torch.zeros_like(term) if memory.value is None else memory.value
        memory.value = self.decay * before + (1 - self.decay) * term  # eq. 8
        return without, along - term if memory.step >= self.warmup else along


def safety_term(without: Tensor, along: Tensor, avoided: Tensor, scale: float, threshold: float) -> Tensor:
    """``mu (eS - e0)`` of equation 4, elementwise, for predictions of the same shape.

    Equation 6: ``mu = min(1, |ep - eS| scale)`` where ``ep - eS < threshold`` (signed), 0 elsewhere.
    """
    apart = along - avoided
    weight = (apart.abs() * scale).clamp(max=1.0)
    return torch.where(apart < threshold, weight, torch.zeros_like(weight)) * (avoided - without)


RULES: Mapping[str, type[Any]] = MappingProxyType({rule.kind: rule for rule in (NegativePrompt, SafeGuidance)})
"""All rules by their name in files."""


_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType({"str": (str,), "int": (int,), "float": (float, int)})
LARGEST = torch.finfo(torch.float32).max
"""What predictions are reckoned with."""


def from_data(kind: str, said: Mapping[str, Any]) -> Rule:
    """The rule of a kind from what `to_data` says beside it.

    TypeError if that is too little, too much, or of other types; ValueError for numbers beyond all reckoning.
    """
    rule: Rule = RULES[kind](**said)
    for known in fields(RULES[kind]):
        value = getattr(rule, known.name)
        if isinstance(value, bool) or not isinstance(value, _TYPES[str(known.type)]):
            raise TypeError(f"{known.name} is no {known.type}")
        if isinstance(value, float | int) and not abs(value) <= LARGEST:
            raise ValueError(f"{known.name} is no finite number")
    return rule


def to_data(rule: Any) -> dict[str, Any]:
    """A rule as JSON data."""
    return {"kind": rule.kind, **asdict(rule)}
