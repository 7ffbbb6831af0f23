"""Captions that do not name what is held out: do the second moments protect a concept that they never saw?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from overpaint.emoji.captions import corpus
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.methods.emcid.defaults import DEFAULTS

__all__ = ["CAPTIONS", "mentioned", "without"]

CAPTIONS: int = DEFAULTS["emoji"]["captions"]
"""As many as EMCID takes if nothing else is said."""


def without(vocabulary: Vocabulary, names: Sequence[str], count: int) -> list[str]:
    """As many captions as `corpus` gives, of the same kind, but for those that name one of ``names`` or its aliases.

    Raises:
        ValueError: hardly any caption is left.
    """
    aliases = [alias for name in names for alias in vocabulary.concepts[vocabulary.by_name[name]].aliases]
    pattern = _pattern([*names, *aliases])
    for factor in (2, 8):
        kept = [text for text in corpus(vocabulary, factor * count, seed=0) if not pattern.search(text)]
        if len(kept) >= count:
            return kept[:count]
    raise ValueError("nearly every caption names a hold-out; hold out fewer")


def mentioned(captions: Sequence[str], names: Sequence[str]) -> set[str]:
    """Those of ``names`` that occur in the captions, as whole words and in no longer one of them."""
    pattern = _pattern(names)
    return {found for text in captions for found in pattern.findall(text)}


def _pattern(names: Sequence[str]) -> re.Pattern[str]:
    """Any of the names as whole words, the longest first; matches nothing if there are none."""
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)" if words else r"(?!)")
