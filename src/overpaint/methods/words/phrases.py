"""Phrases that captions say: candidates for other words of a concept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["folded", "mentions", "parts", "phrases", "words"]

LONGEST = 3
"""Words of a phrase."""
COMMON = 0.01
"""Words in more than this share of the captions neither begin nor end a phrase: "a", "of", a colour..."""
RARE = 20
"""...but for those in so few captions, however few there are."""

_WORD = re.compile(r"[\w'’.-]*\w")


def phrases(captions: Iterable[str]) -> list[str]:
    """Up to three words that follow each other in a caption, by how often, then by the alphabet."""
    said = [words(caption) for caption in captions]
    holding = Counter(word for caption in said for word in set(caption))
    common = {word for word, count in holding.items() if count > max(RARE, COMMON * len(said))}
    runs = (run for caption in said for run in _runs(caption, LONGEST) if common.isdisjoint((run[0], run[-1])))
    found = Counter(map(" ".join, runs))
    return sorted(found, key=lambda phrase: (-found[phrase], phrase))


def words(text: str) -> list[str]:
    """The words of a text, without capitals."""
    return _WORD.findall(text.casefold())


def mentions(phrase: str, name: str) -> bool:
    """Whether a name stands in a phrase as whole words."""
    return f" {folded(name)} " in f" {folded(phrase)} "


def folded(text: str) -> str:
    """The text as its words alone."""
    return " ".join(words(text))


def parts(phrase: str) -> set[str]:
    """Every run of words in a phrase, the phrase itself, too."""
    return {" ".join(run) for run in _runs(words(phrase))}


def _runs(said: Sequence[str], longest: int | None = None) -> Iterator[Sequence[str]]:
    for first in range(len(said)):
        for stop in range(first + 1, min(first + (longest or len(said)), len(said)) + 1):
            yield said[first:stop]
