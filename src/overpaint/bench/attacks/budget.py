"""All attacks, and their budgets: the defaults, a quick look, and what is said on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from overpaint.bench.attacks.attack import Attack
from overpaint.bench.attacks.embedding import EmbeddingInversion
from overpaint.bench.attacks.latent import LatentInversion
from overpaint.bench.attacks.misspelling import Misspelling
from overpaint.bench.attacks.token_search import TokenSearch
from overpaint.bench.attacks.words import ByName, OtherLanguages, Paraphrases
from overpaint.errors import OverpaintError

__all__ = ["ATTACKS", "QUICK", "attacks_of"]

_ALL = (
    ByName(),
    Paraphrases(),
    OtherLanguages(),
    Misspelling(),
    TokenSearch(),
    EmbeddingInversion(),
    LatentInversion(),
)

ATTACKS: Mapping[str, Attack] = MappingProxyType({attack.name: attack for attack in _ALL})
"""By name, at their full budgets, no attack first."""

QUICK: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        **{name: {"pictures": 4} for name in ATTACKS},
        TokenSearch.name: {"pictures": 4, "steps": 8, "candidates": 10, "draws": 4},
        EmbeddingInversion.name: {"pictures": 4, "steps": 60, "draws": 4, "rate": 0.2},
        LatentInversion.name: {"pictures": 2, "steps": 10, "iterations": 6},
    }
)
"""What is smaller for a look in minutes."""


def attacks_of(names: Sequence[str] = (), budget: Sequence[str] = (), quick: bool = False) -> tuple[Attack, ...]:
    """The attacks of these names (all for none) and always no attack; ``budget`` as ``["token search.steps=40"]``.

    A setting without an attack's name holds for all attacks that have it: ``pictures=12``.

    Raises:
        OverpaintError: an unknown attack or setting, or a value that is no number above zero.
    """
    for name in names:
        _known(name)
    chosen = [attack for name, attack in ATTACKS.items() if not names or name in names or attack is _ALL[0]]
    if quick:
        chosen = [replace(attack, **QUICK[attack.name]) for attack in chosen]
    for said in budget:
        chosen = _changed(chosen, said)
    return tuple(chosen)


def _changed(attacks: Sequence[Attack], said: str) -> list[Attack]:
    path, equals, text = said.partition("=")
    name, dot, setting = path.rpartition(".")
    if dot:
        _known(name.strip())
    setting, wanted = setting.strip(), name.strip()
    able = [a for a in attacks if (not dot or a.name == wanted) and setting in {field.name for field in fields(a)}]
    if not equals or not able:
        there = {field.name: None for a in attacks if not dot or a.name == wanted for field in fields(a)}
        raise OverpaintError(f"--budget {said}: write ATTACK.SETTING=NUMBER, of {', '.join(there) or 'those that run'}")
    return [replace(a, **{setting: _number(getattr(a, setting), text, said)}) if a in able else a for a in attacks]


def _number(like: float, text: str, said: str) -> Any:
    """Whole where the default is."""
    try:
        value = type(like)(text)
    except ValueError:
        value = type(like)(0)
    if not 0 < value < float("inf"):
        kind = "whole number" if isinstance(like, int) else "number"
        raise OverpaintError(f"--budget {said}: {text.strip()!r} is no {kind} above zero")
    return value


def _known(name: str) -> None:
    if name not in ATTACKS:
        raise OverpaintError(f"attack {name!r}: unknown; there are {', '.join(ATTACKS)}")
