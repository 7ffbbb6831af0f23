"""From results to the page's content: which cases stand side by side, and what comes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from overpaint.bench.results import Case, Item, Result, Row
from overpaint.errors import PlanError
from overpaint.plan import Plan
from overpaint.plan.words import asked
from overpaint.report.card import Block, Card, Chart, Column, Line, Source, Strip, Table, Words
from overpaint.report.evidence import Evidence
from overpaint.report.gallery import SHOTS, galleries
from overpaint.report.limits import LIMITS
from overpaint.report.metrics import ASKED_OF_ALL, GROUPS, HEADLINES, HOLD_OUTS, headline
from overpaint.report.run_result import EDIT
from overpaint.report.verdict import judge

__all__ = ["build"]

Named = tuple[str, Case, Evidence]
MOST, SHOWN = 16, 3
"""Parts that a setting may have to be shown whole, and what is shown of a longer one."""


def build(evidence: Sequence[Evidence]) -> Card:
    """The content of a page on one result or several."""
    cases = list(_named(evidence))
    names = list(dict.fromkeys(name for name, _, _ in cases))
    blocks: dict[tuple[str, int], list[Named]] = {}
    for one in sorted(cases, key=lambda one: names.index(one[0])):
        blocks.setdefault(_place(one[1]), []).append(one)
    shots = SHOTS if len(blocks) == 1 else SHOTS // 2
    made = tuple(_block(found, shots) for _, found in sorted(blocks.items(), key=lambda block: _order(block[0], cases)))
    title, lead = _title(evidence, made)
    return Card(
        title,
        lead,
        made,
        tuple(_charts(cases, names)),
        tuple(_source(one) for one in evidence),
        tuple(_absent(cases)),
        LIMITS,
    )


def _named(evidence: Sequence[Evidence]) -> Iterator[Named]:
    """Every case under a name that no other of its task and number of edits has: the method, else with the run's."""
    methods = [(one, case, case.method or "patch") for one in evidence for case in one.result.cases]
    places = [(*_place(case), method) for _, case, method in methods]
    for (one, case, method), place in zip(methods, places, strict=True):
        if places.count(place) == 1:
            yield method, case, one
        elif len(evidence) > 1:
            yield f"{method} ({one.name})", case, one
        else:
            yield case.name, case, one


def _place(case: Case) -> tuple[str, int]:
    """What stands side by side: the same task and number of edits; a person's own runs, whatever they asked for."""
    return case.task, 0 if case.task == EDIT else case.edits


def _order(block: tuple[str, int], cases: Sequence[Named]) -> tuple[int, int]:
    """Tasks as they come in the results, then by edits."""
    return [case.task for _, case, _ in cases].index(block[0]), block[1]


def _block(found: Sequence[Named], shots: int) -> Block:
    first = found[0][1]
    columns: list[Column] = []
    titles: dict[str, str] = {}
    for name, case, _ in found:
        words, by_key = _words(case)
        titles |= by_key
        columns.append(Column(name, case, judge(case), words))

    def find(number: int, key: str) -> Path:
        one = found[number][2]
        return one.result.image(one.path, key)

    measured = [column.case.rows for column in columns]
    wanted = [(title, [headline(rows, metrics) for rows in measured]) for title, metrics in HEADLINES]
    counts = sorted({case.edits for _, case, _ in found})
    count = f"{_listed([str(count) for count in counts])} edit{'s' * (counts != [1])}"
    return Block(
        f"{first.task}-{first.edits}".replace(" ", "-"),
        count if first.task == EDIT else f"{first.task}, {count}",
        tuple(columns),
        tuple(
            Line(tuple(None if row is None else row.model_copy(update={"metric": title}) for row in rows))
            for title, rows in wanted
            if any(rows)
        ),
        tuple(_tables(measured)),
        galleries(columns, titles, find, shots),
        tuple(strip for column in columns if (strip := _strip(column)).units),
    )


def _words(case: Case) -> tuple[Words, dict[str, str]]:
    """What was asked in words, and the edits alone by key; nothing if there is no plan or it cannot be read."""
    by_key: dict[str, str] = {}
    preserved: dict[str, None] = {}
    given = case.plan or {}
    try:
        for data in given.get("plans", [given] if given else []):
            plan = Plan.parse(data, check_images=False)
            by_key |= {edit.key: asked(edit) for edit in plan.edits}
            preserved |= dict.fromkeys(plan.preserve)
    except PlanError:
        return Words(("a plan that this version cannot read",)), {}
    return Words(tuple(by_key.values()), tuple(preserved)), by_key


def _tables(measured: Sequence[Sequence[Row]]) -> Iterator[Table]:
    """All lines by group, the known groups first and what has no group last."""
    groups = dict.fromkeys([*GROUPS, *(row.group for rows in measured for row in rows if row.group), ""])
    for group in groups:
        by_metric = [{row.metric: row for row in rows if row.group == group} for rows in measured]
        metrics = dict.fromkeys(metric for rows in by_metric for metric in rows)
        if metrics:
            title = GROUPS[group][0] if group in GROUPS else group.capitalize() or "All pictures"
            yield Table(title, tuple(Line(tuple(rows.get(metric) for rows in by_metric)) for metric in metrics))


def _strip(column: Column) -> Strip:
    """Means over each hold-out's pictures; what is unknown comes last."""
    units: dict[str, list[Item]] = {}
    for item in column.case.items:
        if item.group == HOLD_OUTS and item.scores:
            units.setdefault(item.unit, []).append(item)
    rows = [(unit, *_means(items)) for unit, items in units.items()]
    return Strip(column.name, tuple(sorted(rows, key=lambda row: (_lost(row[1], row[2]), row[0]))))


def _means(items: Sequence[Item]) -> tuple[float | None, float | None]:
    shifts = [next(iter(item.scores.values())) for item in items]
    pairs = [(s.before, s.after) for s in shifts if s.before is not None and s.after is not None]
    if not pairs:
        return None, None
    before, after = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    return before, after


def _lost(before: float | None, after: float | None) -> float:
    return float("inf") if before is None or after is None else after - before


def _charts(cases: Sequence[Named], names: Sequence[str]) -> Iterator[Chart]:
    """A chart for every figure that any name has at two numbers of edits or more, the main figures first."""
    found: dict[tuple[str, str, str], dict[str, dict[int, Row]]] = {}
    for name, case, _ in cases:
        for row in case.rows:
            if row.figure.value is not None:
                found.setdefault((case.task, row.metric, row.group), {}).setdefault(name, {})[case.edits] = row
    tasks = {task for task, _, _ in found}
    main = [one for _, wanted in HEADLINES for one in wanted]
    first = sorted(found, key=lambda one: main.index(one[1:]) if one[1:] in main else len(main))
    for task, metric, group in first:
        series = found[task, metric, group]
        if max(len(points) for points in series.values()) < 2:
            continue
        words = [metric, *([group] if group else []), *([task] if len(tasks) > 1 else [])]
        unit = next(iter(next(iter(series.values())).values())).unit
        lines = tuple((name, names.index(name), tuple(sorted(points.items()))) for name, points in series.items())
        yield Chart(", ".join(words), unit, lines)


def _title(evidence: Sequence[Evidence], blocks: Sequence[Block]) -> tuple[str, str]:
    methods = list(dict.fromkeys(column.name for block in blocks for column in block.columns))
    models = list(dict.fromkeys(str(one.result.provenance.get("model", "an unnamed model")) for one in evidence))
    lead = f"model {_listed(models)}, edited by {_listed(methods) or 'nobody yet'}"
    if len(evidence) > 1:
        return f"{_listed(methods)} side by side", f"{lead}; from {_listed([one.name for one in evidence])}"
    result = evidence[0].result
    if not result.complete:
        lead += f"; not complete: {_incomplete(result)}"
    return result.title, lead


def _incomplete(result: Result) -> str:
    """Why: a person's own run may have failed, a suite has not come to its end."""
    if result.suite != EDIT:
        return "the suite was stopped or is still running"
    failed = [case.reason for case in result.cases if case.status == "failed"]
    return failed[0] if failed else "the run was stopped or is still running"


def _source(one: Evidence) -> Source:
    result = one.result
    facts: list[tuple[str, Any]] = [("suite", result.suite)]
    facts += [("split", result.split)] if result.split else []
    facts += [("complete", "yes" if result.complete else "no, some cases are missing")]
    facts += _flat(result.provenance)
    for case in result.cases:
        prefix = f"{case.name}: " if len(result.cases) > 1 else ""
        facts += [(f"{prefix}patch", case.patch)] if case.patch else []
        facts += [(f"{prefix}seconds for {name}", f"{value:.1f}") for name, value in case.seconds.items()]
    settings = list(_flat(result.settings))
    by_method: dict[str | None, list[Case]] = {}
    for case in result.cases:
        if case.settings:
            by_method.setdefault(case.method, []).append(case)
    for method, cases in by_method.items():
        settings += _settings(cases, f"{method}: " if len(by_method) > 1 else "")
    return Source(one.name, tuple(facts), tuple(settings), result.judges)


def _settings(cases: Sequence[Case], prefix: str) -> Iterator[tuple[str, str]]:
    """What a method's cases were given: once what is the same in all, by case what is not."""
    given = {case.name: dict(_flat(case.settings)) for case in cases}
    for name in dict.fromkeys(name for settings in given.values() for name in settings):
        values = {case: settings[name] for case, settings in given.items() if name in settings}
        if len(values) == len(cases) and len(set(values.values())) == 1:
            yield prefix + name, next(iter(values.values()))
        else:
            yield from ((f"{case}: {name}", value) for case, value in values.items())


def _flat(data: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested names joined by dots, values as short text; of long ones the beginning, as result.json has them whole."""
    found: list[tuple[str, Any]] = []
    for name, value in data.items():
        if isinstance(value, list | tuple | dict) and len(value) > MOST:
            first = ", ".join(map(str, islice(value, SHOWN)))
            found.append((prefix + name, f"{first} and {len(value) - SHOWN} more, all of them in result.json"))
        elif isinstance(value, dict) and value:
            found += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            found.append((prefix + name, ", ".join(map(str, value)) or "none"))
        else:
            found.append((prefix + name, "none" if value is None else str(value)))
    return found


def _absent(cases: Sequence[Named]) -> Iterator[str]:
    """What no case of the page measured, of what every evaluation of edits should have."""
    groups = {row.group for _, case, _ in cases for row in case.rows if row.figure.count}
    yield from (words for wanted, words in ASKED_OF_ALL if groups.isdisjoint(wanted))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
