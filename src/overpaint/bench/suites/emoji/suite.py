"""The suite itself: which tasks there are, in the order of their worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType

from overpaint.bench.suites.emoji.erasing import erasure, moderation, style_erasure
from overpaint.bench.suites.emoji.meaning import debias, rectification
from overpaint.bench.suites.emoji.replacing import composition, replacement, sequential
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Judges, Spec, Suite
from overpaint.errors import OverpaintError

__all__ = ["QUICK_TASKS", "TASKS", "emoji_suite"]

TASKS: Mapping[str, Callable[[World], Iterator[Spec]]] = MappingProxyType(
    {
        "replacement": replacement,
        "rectification": rectification,
        "erasure": erasure,
        "style erasure": style_erasure,
        "moderation": moderation,
        "debias": debias,
        "sequential": sequential,
        "composition": composition,
    }
)

QUICK_TASKS = tuple(task for task in TASKS if task not in ("sequential", "composition"))
"""Those of a look in minutes: plans that are compared with each other take several fits for one figure."""


def emoji_suite(worlds: Sequence[World], judges: Judges, tasks: Sequence[str] = ()) -> Suite:
    """The cases of every method (`World`), task after task.

    Raises:
        OverpaintError: an unknown task, or a model that knows too few concepts for one that needs them.
    """
    if unknown := [task for task in tasks if task not in TASKS]:
        raise OverpaintError(f"--task {unknown[0]}: unknown; there are {', '.join(TASKS)}")
    specs: list[Spec] = []
    for task in tasks or TASKS:
        for world in worlds:
            specs += _built(task, world)
    first = worlds[0]
    settings = {
        "seed": first.seed,
        "methods": [world.method for world in worlds],
        "method settings": first.settings,
        "tasks": list(tasks or TASKS),
        "concepts known": len(first.names),
        "destinations": "of the source's subgroup" if first.near else "any outside the source's subgroup",
        "size": asdict(first.size),
    }
    return Suite("emoji", "emoji: edits of the bundled model", specs, judges, first.split, settings)


def _built(task: str, world: World) -> list[Spec]:
    try:
        return list(TASKS[task](world))
    except OverpaintError as error:
        name = f"{world.method}/{task}"
        return [Spec(name, task, 0, (), lambda _: (), world.method, skip=str(error))]
