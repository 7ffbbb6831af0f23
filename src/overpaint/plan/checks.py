"""What makes a plan wrong, whoever wrote it: rules on single values and between edits.

A rule on a value returns the value cleaned or raises `PlanError` with "what; how to mend it"; who calls it knows where.
"""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from overpaint.errors import PlanError
from overpaint.plan.templates import KINDS

if TYPE_CHECKING:
    from overpaint.plan.edit import Edit

__all__ = [
    "concept",
    "conflicts",
    "folded",
    "kind",
    "names",
    "nearest",
    "plain",
    "quoted",
    "seed",
    "shares",
    "template",
]

# Direction overrides make a plan read otherwise than it acts; a byte order mark inside text is always an accident.
_HIDDEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_ROUNDING = 1e-3
_DEPTH = 32


def quoted(text: str) -> str:
    """``text`` for a message: in quotes, with escapes for what cannot be seen, cut after 60 characters."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def nearest(word: str, known: Iterable[str], also: Mapping[str, str] | None = None) -> str:
    """The remedy for an unknown ``word``: the closest of ``known``, or all of them. ``also`` maps synonyms to known."""
    names = list(known)
    also = {said: meant for said, meant in (also or {}).items() if meant in names}
    close = difflib.get_close_matches(word.casefold(), [*names, *also], n=1, cutoff=0.6)
    if close:
        return f"did you mean {also.get(close[0], close[0])!r}?"
    return f"known are {', '.join(names)}"


def folded(text: str) -> str:
    """What two names have in common when they mean the same concept: case, width and runs of spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def concept(text: str) -> str:
    """A concept's name: composed (NFC), without spaces at the ends, otherwise as written."""
    text = _text(text).strip()
    if not text:
        raise PlanError("an empty name; write the concept's name")
    if not any(unicodedata.category(letter)[0] in "LMNPS" for letter in text):
        raise PlanError(f"the name {quoted(text)} has no visible character; write the concept's name")
    return text


def template(text: str) -> str:
    """A prompt with exactly one slot ``{}`` and no other braces."""
    text = _text(text)
    if text.count("{}") != 1:
        raise PlanError(
            f"the prompt {quoted(text)} has {text.count('{}')} slots; write exactly one {{}} for the concept"
        )
    if set("{}") & set(text.replace("{}", "")):
        raise PlanError(
            f"the prompt {quoted(text)} has other braces than the slot; write exactly one {{}} and no others"
        )
    return text


def kind(name: str) -> str:
    """A kind that exists."""
    if name not in KINDS:
        raise PlanError(f"unknown kind {quoted(name)}; {nearest(name, KINDS)}")
    return name


def seed(value: int) -> int:
    """A seed that every generator takes."""
    if not 0 <= value < 2**63:
        raise PlanError(f"the seed {value} is out of range; write a whole number from 0 to 2^63 - 1")
    return value


def shares(over: Mapping[str, float]) -> dict[str, float]:
    """Wanted shares of at least two destinations; written thirds (0.333) are rounded to a sum of exactly 1."""
    cleaned = {concept(phrase): float(share) for phrase, share in over.items()}
    if len({folded(phrase) for phrase in cleaned}) < max(len(over), 2):
        raise PlanError("debias needs two or more different phrases; write over: {one phrase: 0.5, another: 0.5}")
    for phrase, share in cleaned.items():
        if not 0 < share < 1:
            raise PlanError(f"the share of {quoted(phrase)} is {share:g}; write a number between 0 and 1")
    total = math.fsum(cleaned.values())
    if abs(total - 1) > _ROUNDING:
        raise PlanError(f"the shares sum to {total:g}; make them sum to 1")
    if (
        abs(total - 1) <= 1e-12
    ):  # exact but for the last bit: leave it, so that reading what was written changes nothing
        return cleaned
    return {phrase: share / total for phrase, share in cleaned.items()}


def names(given: Iterable[str]) -> tuple[str, ...]:
    """Names of concepts, each once."""
    cleaned = tuple(concept(name) for name in given)
    seen: set[str] = set()
    for name in cleaned:
        if folded(name) in seen:
            raise PlanError(f"{quoted(name)} is given twice in one list; remove one")
        seen.add(folded(name))
    return cleaned


def plain(value: Any, depth: int = _DEPTH) -> Any:
    """A setting: text, truth values, finite numbers, None, and lists and mappings of these (copied)."""
    if not depth:
        raise PlanError(f"settings nested deeper than {_DEPTH}; flatten them")
    if isinstance(value, float) and not math.isfinite(value):
        raise PlanError(f"the setting {value} is not a finite number; write one")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return _text(value, breaks=True)
    if isinstance(value, (list, tuple)):
        return [plain(one, depth - 1) for one in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {_text(key): plain(one, depth - 1) for key, one in value.items()}
    raise PlanError(f"a setting of type {type(value).__name__}; write text, numbers, lists or mappings by name")


def conflicts(
    edits: Iterable[Edit], preserve: Iterable[str], preserved_at: Callable[[int], str]
) -> Iterator[tuple[Edit, str]]:
    """What single edits cannot know: the same concept twice, chains, concepts that are to be preserved too."""
    edits = list(edits)
    kept = {folded(name): preserved_at(index) for index, name in enumerate(preserve)}
    changed: dict[str, list[Edit]] = {}
    for edit in edits:
        for name in edit.edited:
            earlier = changed.setdefault(folded(name), [])
            clash = next((other for other in earlier if not _compatible(edit, other)), None)
            if clash is not None:
                yield edit, f"{quoted(name)} is edited twice, first at {clash.at}; remove one of the two"
            if folded(name) in kept:
                at = kept[folded(name)]
                yield edit, f"{quoted(name)} is edited here and preserved at {at}; remove one of the two"
            earlier.append(edit)
    for edit in edits:
        for destination in edit.destinations:
            other = next(iter(changed.get(folded(destination), ())), None)
            if other is not None and folded(edit.source) != folded(destination):
                yield (
                    edit,
                    (
                        f"{quoted(edit.source)} becomes {quoted(destination)}, which is itself edited at {other.at}; "
                        f"name the final concept here, or leave {quoted(destination)} as it is"
                    ),
                )


def _compatible(edit: Edit, other: Edit) -> bool:
    """Whether both can change the same concept: a cowboy may lose his hat and his horse."""
    return bool(edit.within and other.within) and folded(edit.source) != folded(other.source)


def _text(text: str, breaks: bool = False) -> str:
    text = unicodedata.normalize("NFC", text)
    for letter in text:
        control = unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _HIDDEN
        if control and not (breaks and letter in "\n\t"):
            raise PlanError(f"the text {quoted(text)} holds the control character U+{ord(letter):04X}; remove it")
    return text
