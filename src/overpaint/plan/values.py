"""Single values of a marked tree: each reader checks the type and cleans, or raises `PlanError` in one line."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from overpaint.errors import PlanError
from overpaint.plan import checks
from overpaint.plan.marked import Item
from overpaint.plan.where import Problems, Where

__all__ = [
    "as_fields",
    "as_images",
    "as_list",
    "as_names",
    "as_plain",
    "as_prompts",
    "as_seed",
    "as_settings",
    "as_shares",
    "as_text",
    "as_truth",
]

_SYNONYMS = {
    **dict.fromkeys(("remove", "delete", "forget", "unlearn", "ban", "block"), "erase"),
    **dict.fromkeys(("change", "swap", "update", "edit", "source"), "replace"),
    **dict.fromkeys(("correct", "fix", "alias"), "rectify"),
    **dict.fromkeys(("balance", "unbias"), "debias"),
    **dict.fromkeys(("soften", "tame"), "moderate"),
    **dict.fromkeys(("of", "within", "out of"), "from"),
    **dict.fromkeys(("including", "such as", "instances", "examples"), "members"),
    **dict.fromkeys(("aliases", "synonyms", "words", "aka"), "also"),
    **dict.fromkeys(("find_words", "other words", "more_words"), "other_words"),
    **dict.fromkeys(("by", "into", "dest", "destination", "target"), "with"),
    **dict.fromkeys(("anchor", "toward", "towards"), "to"),
    **dict.fromkeys(("shares", "ratios", "between"), "over"),
    **dict.fromkeys(("template", "templates", "captions"), "prompts"),
    **dict.fromkeys(("type", "category"), "kind"),
    **dict.fromkeys(("protect", "keep", "retain"), "preserve"),
    **dict.fromkeys(("concepts", "changes", "requests"), "edits"),
    **dict.fromkeys(("options", "config", "hparams", "parameters"), "settings"),
    **dict.fromkeys(("pictures", "photos", "image"), "images"),
}
_MAY_BE_EMPTY = frozenset(
    ("settings", "kind", "prompts", "preserve", "seed", "to", "from", "members", "also", "images")
)


def as_fields(item: Item, known: Collection[str], problems: Problems) -> dict[str, Item]:
    """The values of a mapping by key. An optional key without value (all below it commented out) is as not written."""
    if not item.mapping:
        problems.add(item.where, f"{item.kind} where keys are expected; write keys among {', '.join(known)}")
        return {}
    found: dict[str, Item] = {}
    seen: set[str] = set()
    for key, value in item.value:
        name = key.value
        if not isinstance(name, str) or name not in known:
            shown = checks.quoted(key.text) if key.text is not None else key.kind
            problems.add(key.where, f"unknown key {shown}; {checks.nearest(key.text or '', known, _SYNONYMS)}")
        elif name in seen:
            problems.add(key.where, f"the key '{name}' is given twice; remove one")
        elif value.value is not None:
            found[name] = value
        elif name not in _MAY_BE_EMPTY:
            problems.add(key.where, f"'{name}' is empty; write a value (the word null in quotes) or remove the key")
        if isinstance(name, str):
            seen.add(name)
    return found


def as_list(item: Item, name: str) -> tuple[Item, ...]:
    """The items of a list."""
    if item.mapping or not isinstance(item.value, tuple):
        raise PlanError(f"'{name}' is {item.kind}, not a list; begin each of its lines with '- '")
    return item.value


def as_text(item: Item) -> str:
    """A scalar as it was written: the name 007 keeps its zeros, and ``no`` is a word."""
    if item.text is None or item.value is None:
        raise PlanError(f"{item.kind} where text is expected; write text, in quotes if need be")
    if isinstance(item.value, bool):
        raise PlanError(f"{item.text} is a truth value; write text, in quotes if the word itself is meant")
    return item.text


def as_truth(item: Item) -> bool:
    """``true`` or ``false``."""
    if not isinstance(item.value, bool):
        raise PlanError(f"{item.kind if item.text is None else checks.quoted(item.text)} is neither true nor false")
    return item.value


def as_seed(item: Item) -> int:
    """A whole number within the range of seeds."""
    if isinstance(item.value, bool) or not isinstance(item.value, int):
        raise PlanError("the seed is not a whole number; write one, such as 7")
    return checks.seed(item.value)


def as_shares(item: Item) -> dict[str, float]:
    """``{a: 0.5, b: 0.5}``, or ``[a, b]`` for equal shares."""
    if not isinstance(item.value, tuple):
        raise PlanError(f"{item.kind} where shares are expected; write over: {{one phrase: 0.5, another: 0.5}}")
    pairs = item.value if item.mapping else tuple((one, Item(1 / len(item.value), one.where)) for one in item.value)
    over: dict[str, float] = {}
    for phrase, share in pairs:
        name = checks.concept(as_text(phrase))
        if isinstance(share.value, bool) or not isinstance(share.value, (int, float)):
            raise PlanError(f"the share of {checks.quoted(name)} is not a number; write one such as 0.5")
        if name in over:
            raise PlanError(f"{checks.quoted(name)} is given twice in the shares; remove one")
        over[name] = share.value
    return checks.shares(over)


def as_prompts(item: Item, problems: Problems) -> tuple[str, ...]:
    """One template or several."""
    prompts = []
    for one in _one_or_more(item):
        with problems.at(one.where):
            prompts.append(checks.template(as_text(one)))
    if item.value == ():
        problems.add(item.where, "no prompts; write at least one with the slot {}, or remove the key")
    return tuple(prompts)


def as_names(item: Item, problems: Problems) -> tuple[str, ...]:
    """One name or several, each once."""
    names: list[str] = []
    for one in _one_or_more(item):
        with problems.at(one.where):
            names = list(checks.names((*names, as_text(one))))
    return tuple(names)


def as_images(item: Item, folder: Path, problems: Problems, *, check: bool) -> tuple[Path, ...]:
    """One path or several, from the plan's folder, made absolute; with ``check`` there must be files."""
    paths = []
    for one in _one_or_more(item):
        with problems.at(one.where):
            path = folder.absolute() / checks.concept(as_text(one))
            if check and not path.is_file():
                raise PlanError(f"no picture at {path}; paths are relative to the plan's folder, mend this one")
            paths.append(path)
    return tuple(paths)


def as_settings(item: Item, problems: Problems, places: dict[str, Where]) -> dict[str, Any]:
    """Plain Python values; ``places`` gets the line of every key, so that a method can say which one it refuses."""
    if not item.mapping:
        problems.add(item.where, f"settings is {item.kind}; write lines such as steps: 100 below it")
        return {}
    values: dict[str, Any] = as_plain(item, "settings", problems, places)
    return values


def as_plain(item: Item, place: str, problems: Problems, places: dict[str, Where]) -> Any:
    """The item as Python data: text, truth values, finite numbers, None, lists, and mappings by name.

    ``places`` gets where each value stands, by its path from ``place``.
    """
    places[place] = item.where
    if not isinstance(item.value, tuple):
        with problems.at(item.where):
            return checks.plain(item.value)
        return None
    if not item.mapping:
        return [as_plain(one, _below(place, str(index)), problems, places) for index, one in enumerate(item.value)]
    values: dict[str, Any] = {}
    for key, value in item.value:
        with problems.at(key.where):
            if key.text is None or not key.text.strip():
                raise PlanError(f"{key.kind} as a key; write a name")
            name = checks.concept(key.text)
            if name in values:
                raise PlanError(f"the key {checks.quoted(name)} is given twice; remove one")
            values[name] = as_plain(value, _below(place, name), problems, places)
    return values


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _one_or_more(item: Item) -> tuple[Item, ...]:
    return item.value if isinstance(item.value, tuple) and not item.mapping else (item,)
