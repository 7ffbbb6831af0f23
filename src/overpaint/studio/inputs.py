"""What people type, paste and upload, as plans, seeds and prompts. Nothing of it is trusted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from overpaint.cli.edit import overridden
from overpaint.cli.generate import seeds_of
from overpaint.errors import OverpaintError, PlanError
from overpaint.plan import Plan
from overpaint.plan.building import COMPANIONS, Rows
from overpaint.plan.marked import Item
from overpaint.plan.reading import MAX_BYTES, read
from overpaint.plan.where import Problems

__all__ = ["ACTIONS", "ENDINGS", "lines", "prompts_of", "seeds_in", "typed_plan", "uploaded_plan"]

ACTIONS = ("erase", "replace", "rectify", "debias")
ENDINGS = (".yaml", ".yml", ".json", ".csv")
MOST_LETTERS = 200_000
MOST_PICTURES = 256
MOST_PROMPTS = 32
_ARROW = re.compile(r"\s*(?:->|→|=>|\t)\s*")
_SHARE = re.compile(r"(?P<name>.*\S)\s+(?P<share>[0-9]+(?:\.[0-9]+)?)\s*%?")


def lines(text: str) -> list[tuple[int, str]]:
    """The lines of a text that hold anything, with their numbers from 1.

    Raises:
        OverpaintError: it is too long for a text field.
    """
    if len(text) > MOST_LETTERS:
        raise OverpaintError(f"more than {MOST_LETTERS:,} letters; upload a plan instead")
    return [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def typed_plan(
    action: str,
    concepts: str,
    *,
    model: str,
    method: str,
    kind: str,
    preserve: str = "",
    settings: str = "",
    seed: float | None = 0,
) -> Plan:
    """The plan of what was typed, one concept per line.

    ``pizza`` or ``pizza -> salad`` (erase), ``dog -> robot`` (replace, rectify), ``pilot -> man pilot 50, woman pilot
    50`` (debias). The arrow may be a tab, as pasted from a table.

    Raises:
        PlanError: all mistakes, one per line.
    """
    if action not in ACTIONS:
        raise PlanError(f"no edit is called {action!r}; choose one of {', '.join(ACTIONS)}")
    edits: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, line in lines(concepts):
        try:
            edits.append({**_entry(action, line), "kind": kind})
        except PlanError as error:
            problems += [f"line {number}: {problem}" for problem in error.problems]
    if not edits and not problems:
        problems.append("no concept; write at least one")
    if seed is None or seed != int(seed):
        problems.append(f"the seed {seed} is not a whole number; write one, such as 0")
    if problems:
        raise PlanError(*problems)
    plan = Plan.parse(
        {
            "model": model,
            "method": method,
            "seed": int(seed or 0),
            "edits": edits,
            "preserve": [name for _, name in lines(preserve)],
        },
        check_images=False,
    )
    return overridden(plan, settings=[text for _, text in lines(settings)])


def uploaded_plan(path: str | Path, model: str, method: str) -> Plan:
    """The plan in an uploaded file, for the Studio's ``model``; it stands alone. ``method`` is used if it names none.

    Raises:
        PlanError: all mistakes, one per line; also if it is no plan by its ending or size, is for another model, or
            names files: they would be read from this computer, not from the uploader's.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise PlanError(f"{path.name}: is no plan; upload a {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]} file")
    if path.stat().st_size > MAX_BYTES:
        raise PlanError(f"{path.name}: larger than {MAX_BYTES // 2**20} MiB; is this a plan? Split it if so")
    try:
        plan = read(path, check_images=False, include=_no_table)
    except PlanError as error:  # the folder that an upload lies in is nobody's business
        raise PlanError(*(problem.replace(str(path), path.name) for problem in error.problems)) from None
    if "model" in plan.places and plan.model != model:
        raise PlanError(
            f"{path.name}: is for the model {plan.model!r}, and this Studio has {model!r}; remove the line, or start"
            " overpaint studio --model with that one"
        )
    if with_images := [edit for edit in plan.edits if edit.images]:
        raise PlanError(
            f"{path.name}: {with_images[0].key} names pictures by their paths; use overpaint edit on this plan"
        )
    return overridden(plan, model=model, method=None if "method" in plan.places else method)


def prompts_of(text: str) -> list[str]:
    """The prompts, one per line.

    Raises:
        OverpaintError: there is none, or there are too many.
    """
    found = [line for _, line in lines(text)]
    if not found:
        raise OverpaintError("no prompt; write at least one")
    if len(found) > MOST_PROMPTS:
        raise OverpaintError(f"{len(found)} prompts; write at most {MOST_PROMPTS}")
    return found


def seeds_in(text: str, rows: int) -> list[int]:
    """The seeds, such as ``0..3`` or ``1,5,9``, for so many rows of pictures.

    Raises:
        OverpaintError: they are none, or the pictures would be too many.
    """
    try:
        seeds = seeds_of(text)
    except OverpaintError as error:
        raise OverpaintError(str(error).removeprefix("--")) from None
    if len(seeds) * rows > MOST_PICTURES:
        raise OverpaintError(f"{len(seeds) * rows} pictures; ask for at most {MOST_PICTURES}")
    return seeds


def _entry(action: str, line: str) -> dict[str, Any]:
    """One line in the words of a plan."""
    source, *rest = _ARROW.split(line)
    if len(rest) > 1:
        raise PlanError("more than one arrow; write source -> destination")
    destination = rest[0] if rest else ""
    if not destination:
        if action != "erase" or rest:
            example = {"debias": "pilot -> man pilot 50, woman pilot 50", "erase": "pizza -> salad, or pizza alone"}
            raise PlanError(f"says not what becomes of it; write {example.get(action, 'dog -> robot')}")
        return {action: source}
    return {action: source, COMPANIONS[action]: _shares(destination) if action == "debias" else destination}


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        match = _SHARE.fullmatch(part)
        if match is None or match["name"] in shares:
            raise PlanError("a share has no number or stands twice; write man pilot 50, woman pilot 50")
        shares[match["name"]] = float(match["share"])
    total = sum(shares.values())
    if total <= 0:
        raise PlanError("the shares sum to 0; write man pilot 50, woman pilot 50")
    return {name: share / total for name, share in shares.items()}


def _no_table(item: Item, problems: Problems) -> Rows:
    problems.add(item.where, "edits names a file, which a browser does not send; upload the table itself")
    return (), ()
