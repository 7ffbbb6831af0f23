"""Where defaults come from: what authors published, for which model, and what was measured on the bundled one alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ORIGINS", "Origins", "origins"]

ORIGINS = ("published", "carried", "measured", "ours")
"""Where a default may come from."""


@dataclass(frozen=True)
class Origins:
    """Names of a method's settings by where their defaults on a model family come from; values stand elsewhere.

    What is named nowhere is ours: neither published nor measured.

    Attributes:
        published: for this family, by the paper or in the authors' code.
        carried: published for another one, and taken over.
        measured: the best of what was tried on the bundled model, which says nothing of others.
    """

    published: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()
    measured: frozenset[str] = frozenset()

    def of(self, name: str) -> str:
        """Which of `ORIGINS` a setting's default has."""
        return next((origin for origin in ORIGINS[:-1] if name in getattr(self, origin)), ORIGINS[-1])

    def without(self, names: Iterable[str]) -> Origins:
        """The same where these settings are ours."""
        left = frozenset(names)
        return Origins(self.published - left, self.carried - left, self.measured - left)

    def measuring(self, names: Iterable[str]) -> Origins:
        """The same where these settings were measured, whatever was published of them."""
        found = frozenset(names)
        left = self.without(found)
        return Origins(left.published, left.carried, left.measured | found)


def origins(family: str, published: Iterable[str], *on: str) -> Origins:
    """Of settings that were published for the families ``on``."""
    names = frozenset(published)
    return Origins(published=names) if family in on else Origins(carried=names)
