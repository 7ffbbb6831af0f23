"""Which pictures are shown: of edits an even sample from worst to best, of what should stay the worst."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from overpaint.bench.results import Item
from overpaint.report.card import Column, Gallery, Picture, Reading, Shot
from overpaint.report.metrics import GROUPS, WORST_FIRST
from overpaint.report.pictures import picture

__all__ = ["Find", "galleries", "success"]

SHOTS = 8
Find = Callable[[int, str], Path]
"""Where a picture of a column lies, by the column's number and the picture's key."""


def galleries(columns: Sequence[Column], titles: dict[str, str], find: Find, shots: int = SHOTS) -> tuple[Gallery, ...]:
    """A gallery for every group of prompts that any column has pictures or scores of.

    Arguments:
        titles: by unit (an edit's key) what was asked.
    """
    groups = dict.fromkeys([*GROUPS, *(item.group for column in columns for item in column.case.items)])
    names = [column.name for column in columns] if len(columns) > 1 else ["after"]
    made = []
    for group in groups:
        items = [_by_place(column.case.items, group) for column in columns]
        places = list(dict.fromkeys(place for found in items for place in found))
        if any(_asked_after(item) for found in items for item in found.values()):
            made.append(_gallery(group, items, places, titles, find, shots, names))
    return tuple(made)


def success(item: Item) -> float:
    """How far a picture went where an edit wanted it: P of other labels gained, P of the source and subject lost.

    Of a hold-out or a neighbour, which should stay as it is: P gained. Unknown scores count as no change.
    """
    gone = {f"P({name})" for name in (item.subject, _source(item.unit))}
    total = 0.0
    for name, shift in item.scores.items():
        if name.startswith("P(") and shift.before is not None and shift.after is not None:
            moved = shift.after - shift.before
            total += moved if item.group in WORST_FIRST or name not in gone else -moved
    return total


def _gallery(
    group: str,
    items: Sequence[dict[tuple[str, str, int], Item]],
    places: Sequence[tuple[str, str, int]],
    titles: dict[str, str],
    find: Find,
    shots: int,
    names: Sequence[str],
) -> Gallery:
    def worth(place: tuple[str, str, int]) -> float:
        return min(success(found[place]) for found in items if place in found)

    units: dict[str, tuple[str, str, int]] = {}  # the worst picture of each unit
    drawn = [
        place for place in places if any(found[place].before or found[place].after for found in items if place in found)
    ]
    for place in sorted(drawn, key=lambda place: (worth(place), place)):
        units.setdefault(place[0], place)
    ranked = list(units.values())
    title, what = GROUPS.get(group, (group.capitalize(), group))
    if not ranked:
        return Gallery(group, title, f"{what.capitalize()}: graded, but no pictures were kept.", ())
    if group in WORST_FIRST:
        title += ", the worst first"
        graded = len({place[0] for place in places})
        chosen, how = ranked[:shots], f"the worst {min(shots, len(ranked))} of {graded}"
        how += f" ({len(ranked)} have pictures)" if graded > len(ranked) else ""
    elif len(ranked) == 1:
        chosen, how = _spread(sorted(drawn, key=worth), min(4, shots)), "from worst to best"
    else:
        chosen = _spread(ranked, shots)
        how = f"all {len(ranked)}" if len(chosen) == len(ranked) else f"{len(chosen)} of {len(ranked)}"
        how += ", evenly from worst to best, each by its worst picture"
    text = f"{what[0].upper()}{what[1:]}: {how}."
    return Gallery(group, title, text, tuple(_shot(place, items, titles, find, names) for place in chosen))


def _shot(
    place: tuple[str, str, int],
    items: Sequence[dict[tuple[str, str, int], Item]],
    titles: dict[str, str],
    find: Find,
    names: Sequence[str],
) -> Shot:
    found = [column.get(place) for column in items]
    first = next(item for item in found if item is not None)

    def shown(number: int, key: str | None) -> Picture | None:
        return None if key is None else picture(find(number, key))

    befores = (shown(n, item.before) for n, item in enumerate(found) if item is not None)
    labels = dict.fromkeys(name for item in found if item is not None for name in item.scores)
    prompts = [("before", next((i.found["before"] for i in found if i is not None and "before" in i.found), ""))]
    prompts += [(name, i.found.get("after", "")) for name, i in zip(names, found, strict=True) if i is not None]
    readings = tuple(
        Reading(
            label,
            next((i.scores[label].before for i in found if i is not None and label in i.scores), None),
            tuple(i.scores[label].after if i is not None and label in i.scores else None for i in found),
        )
        for label in labels
    )
    return Shot(
        titles.get(first.unit, first.subject),
        first.prompt,
        first.seed,
        next((image for image in befores if image is not None), None),
        tuple(None if item is None else shown(n, item.after) for n, item in enumerate(found)),
        readings,
        tuple((who, prompt) for who, prompt in prompts if prompt),
    )


def _asked_after(item: Item) -> bool:
    """Not so of destinations that only the unedited model draws, to see how well it can."""
    return item.after is not None or any(shift.after is not None for shift in item.scores.values())


def _by_place(items: Sequence[Item], group: str) -> dict[tuple[str, str, int], Item]:
    """The items of a group by what makes them the same in every column: unit, prompt and seed."""
    return {(item.unit, item.prompt, item.seed): item for item in items if item.group == group}


def _spread(ranked: Sequence[tuple[str, str, int]], count: int) -> list[tuple[str, str, int]]:
    """At most ``count``, evenly over the ranking, both ends included."""
    if len(ranked) <= count or count < 2:
        return list(ranked[:count])
    return [ranked[round(n * (len(ranked) - 1) / (count - 1))] for n in range(count)]


def _source(unit: str) -> str:
    """The source in an edit's key: ``replace:pizza``, ``erase:hat from:cowboy``; none if a name is rectified."""
    action, colon, rest = unit.partition(":")
    return rest.partition(" from:")[0] if colon and action != "rectify" else ""
