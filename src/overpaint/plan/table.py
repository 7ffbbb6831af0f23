"""CSV: one edit or one preserved concept per row, read into the same tree as YAML so that one set of rules serves both.

``source,destination`` alone means replace. Optional columns: ``edit`` (replace, erase, moderate, rectify, debias),
``kind``, ``seed``, ``preserve`` (yes makes the row's source a preserved concept), ``from`` (erase the source from this
concept alone), ``members`` (of a moderated concept: ``pistol | sword``), ``also`` (other words for the source). Debias
takes equal shares: ``man | woman``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from overpaint.errors import PlanError
from overpaint.plan import checks
from overpaint.plan.building import COMPANIONS
from overpaint.plan.marked import Item
from overpaint.plan.where import Problems, Where

__all__ = ["COLUMNS", "rows"]

COLUMNS = ("source", "destination", "edit", "kind", "seed", "preserve", "from", "members", "also")
_SYNONYMS = {
    "dest": "destination",
    "target": "destination",
    "with": "destination",
    "action": "edit",
    "seed_train": "seed",
}
_YES, _NO = frozenset(("1", "true", "yes", "y", "x")), frozenset(("", "0", "false", "no", "n"))


def rows(text: str, file: str, problems: Problems) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The edits and the preserved concepts of a table; mistakes of its form go to ``problems``.

    Raises:
        PlanError: the header is wrong, so that no row has a meaning.
    """
    lines = _lines(text, file, problems)
    line, header = next(lines, (1, []))
    columns = _columns(header, Where(file, line))
    edits, preserve = [], []
    for line, cells in lines:
        where = Where(file, line)
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            problems.add(
                where, f"{len(cells)} cells for {len(columns)} columns; put a name that holds a comma in quotes"
            )
            continue
        row = {column: Item(cell.strip(), where, cell.strip()) for column, cell in zip(columns, cells, strict=False)}
        with problems.at(where):
            if _preserved(row):
                preserve.append(row["source"])
            else:
                edits.append(_edit(row, where))
    return tuple(edits), tuple(preserve)


def _lines(text: str, file: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, with the line on which each begins (quoted cells may go over several)."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.add(Where(file, line), f"{error}; check the quotes (a quote inside quotes is doubled)")
            return
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _columns(header: list[str], where: Where) -> list[str]:
    names = [name.strip().casefold() for name in header]
    problems = Problems()
    if "source" not in names and not set(names) & {*COLUMNS, *_SYNONYMS}:
        remedy = "separate columns by commas" if len(names) == 1 and set(";\t|") & set(names[0]) else "add it"
        raise PlanError(f"{where}: the first line is not a header such as source,destination; {remedy}")
    for name in names:
        if name not in COLUMNS:
            problems.add(where, f"unknown column {checks.quoted(name)}; {checks.nearest(name, COLUMNS, _SYNONYMS)}")
        elif names.count(name) > 1:
            problems.add(where, f"the column {name} is there {names.count(name)} times; keep one")
    if "source" not in names and not problems:
        problems.add(where, "no column source; add it")
    if problems:
        raise problems.error()
    return names


def _preserved(row: dict[str, Item]) -> bool:
    said = _cell(row, "preserve")
    if said.casefold() in _NO:
        return False
    if said.casefold() not in _YES:
        raise PlanError(f"preserve is {checks.quoted(said)}; write yes, or leave it empty")
    extra = [name for name in ("destination", "edit", "seed", "from", "members", "also") if _cell(row, name)]
    if extra:
        raise PlanError(f"a preserved concept has no {' and no '.join(extra)}; clear the cell, or make two rows")
    return True


def _edit(row: dict[str, Item], where: Where) -> Item:
    """The row in the words of a YAML entry."""
    action = _cell(row, "edit").casefold() or "replace"
    if action not in COMPANIONS:
        raise PlanError(f"unknown edit {checks.quoted(action)}; {checks.nearest(action, COMPANIONS)}")
    if not _cell(row, "source"):
        raise PlanError("no source; fill the cell")
    destination = _cell(row, "destination")
    if not destination and action not in ("erase", "moderate"):
        remedy = "fill the cell" + ("" if _cell(row, "edit") else ", or say erase in a column edit")
        raise PlanError(f"{action} {checks.quoted(_cell(row, 'source'))} has no destination; {remedy}")
    pairs = [(action, row["source"])]
    if action == "debias":
        pairs.append(("over", _several(destination, where)))
    elif destination:
        pairs.append((COMPANIONS[action], row["destination"]))
    pairs += [(name, row[name]) for name in ("from", "kind") if _cell(row, name)]
    pairs += [(name, _several(_cell(row, name), where)) for name in ("members", "also") if _cell(row, name)]
    if seed := _cell(row, "seed"):
        if not seed.isascii() or not seed.isdigit():
            raise PlanError(f"the seed {checks.quoted(seed)} is not a whole number; write one, such as 7")
        pairs.append(("seed", Item(int(seed[:40]), where, seed)))
    return Item(tuple((Item(name, where, name), item) for name, item in pairs), where, mapping=True)


def _several(cell: str, where: Where) -> Item:
    """The names in one cell: ``man | woman``."""
    names = (name.strip() for name in cell.split("|"))
    return Item(tuple(Item(name, where, name) for name in names), where)


def _cell(row: dict[str, Item], name: str) -> str:
    return (row[name].text or "") if name in row else ""
