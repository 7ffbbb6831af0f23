"""Other words for the concepts, from published keyword lists, and which half of them the model is taught."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from overpaint.emoji.recipe.names import plain, stems
from overpaint.emoji.recipe.sources import KEYWORD_LISTS

__all__ = ["bare", "keywords", "odd_keywords", "split", "unique"]

LONGEST = 20
MOST_WORDS = 3


def keywords(npm: Path) -> dict[str, list[str]]:
    """Words by bare emoji: emojilib's keywords, emojibase's tags and all its sets of short codes."""
    emojilib, emojibase = (npm / package.folder for package in KEYWORD_LISTS)
    words: dict[str, list[str]] = {}
    for emoji, own in _json(emojilib / "dist" / "emoji-en-US.json").items():
        words.setdefault(bare(emoji), []).extend(own)
    short_codes = [_json(path) for path in sorted((emojibase / "en" / "shortcodes").glob("*.json"))]
    for entry in _json(emojibase / "en" / "data.json"):
        own = words.setdefault(bare(entry["emoji"]), [])
        own.extend(entry.get("tags", []))
        for codes in short_codes:
            found = codes.get(entry["hexcode"], [])
            own.extend([found] if isinstance(found, str) else found)
    return {emoji: [word.replace("_", " ") for word in own] for emoji, own in words.items()}


def odd_keywords() -> frozenset[str]:
    """Keywords that are no alias: fragments, misspellings, insults, and words too vague to mean one picture."""
    return frozenset(Path(__file__).with_name("odd_keywords.txt").read_text(encoding="utf-8").split())


def bare(emoji: str) -> str:
    """An emoji without the variation selector, which the lists use as they like."""
    return emoji.replace("\ufe0f", "")


def unique(
    names: Sequence[str], words: Sequence[Iterable[str]], reserved: Iterable[str], forbidden: Iterable[str]
) -> list[tuple[str, ...]]:
    """For each concept its words that no other concept has, that share no stem with its name and are nobody's name.

    An alias is none of the `reserved` phrases, which mean something else in captions, and contains no `forbidden` word.
    Of spellings that differ in their endings only ("glove", "gloves") one stays.
    """
    forbidden = frozenset(forbidden)
    tidy = [sorted({plain(word) for word in own if _usable(word)}) for own in words]
    owners: dict[frozenset[str], set[int]] = {}
    for index, own in enumerate(tidy):
        for word in own:
            owners.setdefault(stems(word), set()).add(index)
    taken = {stems(phrase) for phrase in (*names, *reserved)}
    result: list[tuple[str, ...]] = []
    for name, own in zip(names, tidy, strict=True):
        kept: dict[frozenset[str], str] = {}
        for word in own:
            stem = stems(word)
            known = len(owners[stem]) > 1 or stem in taken or not forbidden.isdisjoint(word.split())
            if not known and not stem & stems(name) and not _inside(word, name):
                kept.setdefault(stem, word)
        result.append(tuple(kept.values()))
    return result


def split(names: Sequence[str], aliases: Sequence[tuple[str, ...]]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(taught, withheld) for each concept: half and half within a concept, an odd one out by the concept's hash.

    So half of the concepts with one alias have it taught, and every concept with two or more has some of both.
    """
    result: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for name, own in zip(names, aliases, strict=True):
        ranked = sorted(own, key=_hash)
        half = (len(ranked) + _hash(name) % 2) // 2
        result.append((tuple(sorted(ranked[:half])), tuple(sorted(ranked[half:]))))
    return result


def _usable(word: str) -> bool:
    """No emoticon, number, letter or sentence."""
    return (
        re.fullmatch(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*", word) is not None
        and 3 <= len(word) <= LONGEST
        and len(plain(word)) >= 3
        and len(plain(word).split()) <= MOST_WORDS
    )


def _inside(word: str, name: str) -> bool:
    """Whether one is written within the other once spaces are gone ("starstruck", "star struck")."""
    word, name = word.replace(" ", ""), name.replace(" ", "")
    return word in name or name in word


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _hash(text: str) -> int:
    """A seed that is the same on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
