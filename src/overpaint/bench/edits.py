"""What edits do to the bundled model: destinations reached, sources left, hold-outs moved.

The ceiling C is the mean P(destination) when the unedited model is asked for the destination by its own name in the
same prompts, at the same seeds: no edit can be expected to draw it better than the model does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from overpaint.backbone.backbone import Backbone
from overpaint.bench.drawing import Drawing
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.bench.probes import Measured, Probe, measure, of_destination, of_holdout, of_source
from overpaint.bench.prompts import some_templates
from overpaint.bench.report import Line, Report
from overpaint.bench.scores import change, mean, ratio
from overpaint.emoji.captions import FREE_FORM_TEST, PAPER_TEMPLATES
from overpaint.plan import Edit
from overpaint.progress import Progress
from overpaint.seeding import derive

if TYPE_CHECKING:
    from overpaint.guards import Change

__all__ = ["Before", "EditSuite", "bars", "evaluate_before", "evaluate_edits"]

TEMPLATES, FREE_FORM, HOLD_OUTS = "templates", "free form", "hold-outs"
PROMPTS = (TEMPLATES, FREE_FORM)


@dataclass(frozen=True)
class EditSuite:
    """What is asked before and after.

    Attributes:
        free_form: sentences per edit, none of which training or a method has seen; drawn by seed for every edit.
        templates: the hold-outs' prompts; an edit's templates are its own.
        repeats: pictures per template.
        edits: how many of the edits are drawn, by seed; None is all of them.
    """

    seed: int = 0
    free_form: int = 5
    templates: tuple[str, ...] = PAPER_TEMPLATES
    repeats: int = 1
    edits: int | None = None
    drawing: Drawing = field(default_factory=Drawing)

    def drawn(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        """The edits that are drawn, in the order given."""
        order = sorted(edits, key=lambda edit: derive(self.seed, "drawn", edit.key))
        kept = {edit.key for edit in order[: self.edits]}
        return tuple(edit for edit in edits if edit.key in kept)

    def prompts(self, edit: Edit) -> dict[str, tuple[Sequence[str], int]]:
        """The edit's prompts by group, and how often each is drawn."""
        sentences = some_templates(FREE_FORM_TEST, self.free_form, self.seed, edit.source)
        return {TEMPLATES: (edit.prompts, self.repeats), FREE_FORM: (sentences, 1)}

    def probes(self, edits: Sequence[Edit], holdouts: Sequence[str]) -> list[Probe]:
        """What is drawn both before and after."""
        asked = [
            of_source(group, edit, templates, self.seed, repeats)
            for edit in edits
            for group, (templates, repeats) in self.prompts(edit).items()
        ]
        asked += [of_holdout(HOLD_OUTS, name, self.templates, self.seed) for name in holdouts]
        return [probe for probes in asked for probe in probes]

    def ceilings(self, edits: Sequence[Edit]) -> list[Probe]:
        """What only the unedited model draws: destinations of edits that have exactly one."""
        asked = [
            of_destination(f"C {group}", edit, edit.destinations[0], templates, self.seed, repeats)
            for edit in edits
            if len(edit.destinations) == 1
            for group, (templates, repeats) in self.prompts(edit).items()
        ]
        return [probe for probes in asked for probe in probes]


@dataclass(frozen=True)
class Before:
    """What the unedited model draws: common to all methods and patches that are compared on the same edits."""

    suite: EditSuite
    edits: tuple[Edit, ...]
    holdouts: tuple[str, ...]
    measured: Measured


def bars(edits: int) -> tuple[float, float, float] | tuple[None, None, None]:
    """Least P(destination) / C on templates and on free-form prompts, and least relative change of hold-outs."""
    limits = ((10, (0.95, 0.90, -0.02)), (100, (0.92, 0.85, -0.05)), (300, (0.88, 0.80, -0.10)))
    return next((bar for most, bar in limits if edits <= most), (None, None, None))


def evaluate_before(
    backbone: Backbone,
    grader: ConceptGrader,
    edits: Sequence[Edit],
    holdouts: Sequence[str],
    suite: EditSuite | None = None,
    progress: Progress | None = None,
) -> Before:
    """Draw sources, destinations by their own names, and hold-outs with the unedited model."""
    suite = suite or EditSuite()
    drawn = suite.drawn(edits)
    probes = suite.probes(drawn, holdouts) + suite.ceilings(drawn)
    measured = measure(backbone, grader, probes, suite.drawing, progress, "drawing before")
    return Before(suite, drawn, tuple(holdouts), measured)


def evaluate_edits(
    backbone: Backbone,
    patch: Change,
    grader: ConceptGrader,
    before: Before,
    progress: Progress | None = None,
    total: int | None = None,
) -> Report:
    """Draw the same with the patch applied, and compare.

    ``total`` is the number of edits in the patch, which the bars go by, if more than were drawn.
    """
    suite, edits = before.suite, before.edits
    with patch.applied_to(backbone.pipe):
        after = measure(
            backbone, grader, suite.probes(edits, before.holdouts), suite.drawing, progress, "drawing after"
        )
    total = total or len(edits)
    limits = bars(total)
    lines, details = [], {edit.key: _entry(edit) for edit in edits}
    for number, group in enumerate(PROMPTS):
        figures = _Figures([edit.key for edit in edits], group, before.measured, after)
        one_destination = [len(edit.destinations) == 1 for edit in edits]
        goes = [edit.over is None for edit in edits]  # what is debiased is to be drawn as before
        if suite.free_form or group == TEMPLATES:
            lines += figures.lines(one_destination, goes, limits[number], suite.seed)
        for edit in edits:
            details[edit.key][group] = figures.entry(edit)
    held = _Figures(list(before.holdouts), HOLD_OUTS, before.measured, after)
    first, second = held.column(held.before, 0), held.column(held.after, 0)
    if before.holdouts:
        lines += [
            Line("hold-outs: relative change of P(true)", change(second, first, suite.seed), limits[2]),
            Line("hold-outs: P(true) before", mean(first, suite.seed)),
            Line("hold-outs: P(true) after", mean(second, suite.seed)),
        ]
    settings = asdict(suite) | {"edits in the patch": total, "edits drawn": len(edits), "patch": patch.hash}
    holdouts = {name: held.pair(name, 0) for name in held.units}
    return Report(
        f"{total} edit{'s' * (total != 1)}",
        tuple(lines),
        settings,
        {"edits": list(details.values()), "hold-outs": holdouts},
    )


@dataclass(frozen=True)
class _Figures:
    """The measurements of one group, as columns ``(units,)`` in the order of ``units``."""

    units: list[str]
    group: str
    before: Measured
    after: Measured

    def column(self, measured: Measured, label: int, prefix: str = "") -> list[float]:
        return [self.value(measured, unit, label, prefix) for unit in self.units]

    def value(self, measured: Measured, unit: str, label: int, prefix: str = "") -> float:
        labels: Sequence[float] = measured.get(prefix + self.group, {}).get(unit, ())
        return labels[label] if label < len(labels) else math.nan

    def lines(self, one_destination: Sequence[bool], goes: Sequence[bool], bar: float | None, seed: int) -> list[Line]:
        def of(which: Sequence[bool], column: list[float]) -> list[float]:
            return [value if counts else math.nan for value, counts in zip(column, which, strict=True)]

        ceiling, reached = self.column(self.before, 0, "C "), of(one_destination, self.column(self.after, 1))
        return [
            Line(f"{self.group}: P(destination) / C", ratio(reached, ceiling, seed), bar),
            Line(f"{self.group}: P(destination)", mean(reached, seed)),
            Line(f"{self.group}: ceiling C", mean(ceiling, seed)),
            Line(f"{self.group}: P(source) before", mean(of(goes, self.column(self.before, 0)), seed)),
            Line(f"{self.group}: P(source) left", mean(of(goes, self.column(self.after, 0)), seed)),
        ]

    def entry(self, edit: Edit) -> dict[str, Any]:
        return {
            "P(source)": self.pair(edit.key, 0),
            "P(destination)": {name: self.pair(edit.key, 1 + i) for i, name in enumerate(edit.destinations)},
            "C": _number(self.value(self.before, edit.key, 0, "C ")),
        }

    def pair(self, unit: str, label: int) -> dict[str, float | None]:
        return {
            "before": _number(self.value(self.before, unit, label)),
            "after": _number(self.value(self.after, unit, label)),
        }


def _entry(edit: Edit) -> dict[str, Any]:
    over: Mapping[str, float] | None = edit.over
    wanted = {"destination": edit.destination} if over is None else {"over": dict(over)}
    given = {"from": edit.within} if edit.within else {}
    return {"action": edit.action, "source": edit.source, **given, **wanted}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
