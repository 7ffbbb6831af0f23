"""Figures that papers report for the suites' protocols, one JSON file a suite, each figure with its source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files

from overpaint.bench.results import Published, Row

__all__ = ["beside", "published"]


def published(suite: str, part: str = "") -> list[tuple[str, str, Published]]:
    """(metric, group, figure) of a suite, or of one ``part`` of it; empty if nothing comparable is known in print."""
    path = files(__name__).joinpath(f"{suite}.json")
    if not path.is_file():
        return []
    found = []
    for table in json.loads(path.read_text(encoding="utf-8")):
        if table.get("part", "") != part:
            continue
        for method, values in table["values"].items():
            for edits, value in zip(table["edits"], values, strict=True):
                if value is not None:
                    figure = Published(
                        method=method, value=value, edits=edits, source=table["source"], reading=table["reading"]
                    )
                    found.append((table["metric"], table["group"], figure))
    return found


def beside(suite: str, rows: Iterable[Row], edits: int | None, part: str = "") -> Iterator[Row]:
    """Rows with the published figures of their metric, group and number of edits."""
    known = published(suite, part)
    for row in rows:
        matching = tuple(
            figure
            for metric, group, figure in known
            if (metric, group) == (row.metric, row.group) and figure.edits in (None, edits)
        )
        yield row.model_copy(update={"published": matching})
