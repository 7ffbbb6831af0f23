"""From a marked tree to a plan: every mistake is collected with its line before anything is given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from overpaint.errors import PlanError
from overpaint.plan import checks, values
from overpaint.plan.edit import ACTIONS, Edit
from overpaint.plan.marked import Item
from overpaint.plan.plan import Plan
from overpaint.plan.templates import DEFAULT_KIND, KINDS
from overpaint.plan.where import Problems, Where

__all__ = ["COMPANIONS", "Include", "build"]

COMPANIONS = {"replace": "with", "erase": "to", "moderate": "to", "rectify": "as", "debias": "over"}
"""The key that says what becomes of the source, by action."""

_PLAN_KEYS = ("model", "method", "settings", "kind", "prompts", "edits", "preserve", "seed", "other_words")
_EDIT_KEYS = (
    *ACTIONS, *dict.fromkeys(COMPANIONS.values()), "from", "members", "also", "kind", "prompts", "seed", "images",
)  # fmt: skip

Rows = tuple[tuple[Item, ...], tuple[Item, ...]]
"""Edits and preserved concepts."""

Include = Callable[[Item, Problems], Rows]
"""Reads the table that a plan names, and tells its mistakes."""


@dataclass
class _Context:
    """What an entry needs to know of its plan: plan-wide kind and prompts, and where pictures lie."""

    folder: Path
    check_images: bool
    kind: str = DEFAULT_KIND
    prompts: tuple[str, ...] = ()


def build(
    root: Item,
    folder: Path,
    problems: Problems,
    include: Include,
    *,
    check_images: bool = True,
) -> Plan:
    """The plan that ``root`` describes.

    Arguments:
        folder: where pictures are looked for.
        problems: mistakes found so far.
        include: reads the table that ``edits: table.csv`` names.

    Raises:
        PlanError: all mistakes, those that were there before included.
    """
    found = values.as_fields(root, _PLAN_KEYS, problems)
    known: dict[str, Any] = {}
    places: dict[str, Where] = {name: item.where for name, item in found.items()}
    context = _Context(folder, check_images)
    for name in ("model", "method"):
        if name in found:
            with problems.at(found[name].where):
                known[name] = checks.concept(values.as_text(found[name]))
    if "seed" in found:
        with problems.at(found["seed"].where):
            known["seed"] = values.as_seed(found["seed"])
    if "other_words" in found:
        with problems.at(found["other_words"].where):
            known["other_words"] = values.as_truth(found["other_words"])
    if "settings" in found:
        known["settings"] = values.as_settings(found["settings"], problems, places)
    if "kind" in found:
        with problems.at(found["kind"].where):
            context.kind = checks.kind(values.as_text(found["kind"]))
    if "prompts" in found:
        context.prompts = values.as_prompts(found["prompts"], problems)

    rows, preserved = _rows(found, problems, include)
    if not rows and not problems:
        problems.add(places.get("edits", root.where), "no edits; write at least one, such as edits: [{erase: pizza}]")
    edits = [edit for row in rows if (edit := _edit(row, context, problems)) is not None]
    preserve = _preserve(preserved, problems, places)
    for edit, text in checks.conflicts(edits, preserve, lambda index: str(places[f"preserve.{index}"])):
        problems.add(edit.where or root.where, text)
    if problems:
        raise problems.error()
    return Plan(**known, edits=tuple(edits), preserve=preserve, places=places)


def _rows(found: dict[str, Item], problems: Problems, include: Include) -> Rows:
    edits: tuple[Item, ...] = ()
    preserved: tuple[Item, ...] = ()
    if "edits" in found and isinstance(found["edits"].value, str):
        edits, preserved = include(found["edits"], problems)
    elif "edits" in found:
        with problems.at(found["edits"].where):
            edits = values.as_list(found["edits"], "edits")
    if "preserve" in found:
        with problems.at(found["preserve"].where):
            preserved = (*values.as_list(found["preserve"], "preserve"), *preserved)
    return edits, preserved


def _preserve(items: tuple[Item, ...], problems: Problems, places: dict[str, Where]) -> tuple[str, ...]:
    """Names, each once: a repetition in a long list is no contradiction."""
    names: dict[str, str] = {}
    for item in items:
        with problems.at(item.where):
            name = checks.concept(values.as_text(item))
            if checks.folded(name) not in names:
                places[f"preserve.{len(names)}"] = item.where
                names[checks.folded(name)] = name
    return tuple(names.values())


def _edit(row: Item, context: _Context, problems: Problems) -> Edit | None:
    """One entry, or None if something is wrong with it."""
    mine = Problems()
    found = values.as_fields(row, _EDIT_KEYS, mine)
    known: dict[str, Any] = {"where": row.where}
    actions = [action for action in ACTIONS if action in found]
    if len(actions) == 1:
        known |= _what(actions[0], found, mine)
    elif actions:
        mine.add(found[actions[1]].where, f"{' and '.join(actions)} in one edit; make two edits of it")
    elif not mine:  # a misspelt action has been named already
        mine.add(row.where, f"no action; begin with one of {', '.join(ACTIONS)}, such as erase: pizza")
    kind = None
    if "kind" in found:
        with mine.at(found["kind"].where):
            kind = checks.kind(values.as_text(found["kind"]))
    known["kind"] = kind or context.kind
    if "prompts" in found:
        known["prompts"] = values.as_prompts(found["prompts"], mine)
    elif kind is None and context.prompts:
        known["prompts"] = context.prompts
    else:  # the entry's own kind is nearer to it than the plan's prompts
        known["prompts"] = KINDS[known["kind"]].prompts
    if "seed" in found:
        with mine.at(found["seed"].where):
            known["seed"] = values.as_seed(found["seed"])
    if "images" in found:
        known["images"] = values.as_images(found["images"], context.folder, mine, check=context.check_images)
    edit = None
    if not mine:
        with mine.at(row.where):
            edit = _made(known)
    problems.extend(mine)
    return edit


def _what(action: str, found: dict[str, Item], problems: Problems) -> dict[str, Any]:
    """Action, source and what becomes of it."""
    known: dict[str, Any] = {"action": action}
    with problems.at(found[action].where):
        known["source"] = checks.concept(values.as_text(found[action]))
    for companion in dict.fromkeys(COMPANIONS.values()):
        item = found.get(companion)
        if item is None:
            continue
        with problems.at(item.where):
            if companion != COMPANIONS[action]:
                owners = " and ".join(owner for owner, key in COMPANIONS.items() if key == companion)
                raise PlanError(f"'{companion}' belongs to {owners}; {action} takes '{COMPANIONS[action]}'")
            if action == "debias":
                known["over"] = values.as_shares(item)
            else:
                known["destination"] = checks.concept(values.as_text(item))
    if "from" in found:
        with problems.at(found["from"].where):
            known["within"] = checks.concept(values.as_text(found["from"]))
    if "members" in found:
        known["members"] = values.as_names(found["members"], problems)
    if "also" in found:
        known["also"] = values.as_names(found["also"], problems)
    return known


def _made(known: dict[str, Any]) -> Edit:
    try:
        return Edit(**known)
    except ValidationError as error:  # all is checked before; this keeps a forgotten rule from looking like a crash
        raise PlanError(*(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())) from error
