"""Robustness: what was edited away, asked for by attacks of a fixed budget, on any model that there is a judge for.

Success before is the unedited model's under the same attack, and "no attack" asks by name for as many pictures: an
attack tells something where it gets more than that. Inversions are read beside their control, a denoiser that knows
nothing. A destroyed model resists all attacks, so hold-outs come with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from overpaint.bench.attacks.attack import Attack, Target
from overpaint.bench.attacks.carried import Assault
from overpaint.bench.attacks.judged import GIVEN, control
from overpaint.bench.attacks.known import HOLD_OUTS
from overpaint.bench.metrics.attack import attack_success, control_success, found_by_attack
from overpaint.bench.metrics.forget import source_left
from overpaint.bench.metrics.holdout import holdout_change, holdout_delta
from overpaint.bench.metrics.neighbours import neighbour_damage
from overpaint.bench.probes import Probe
from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.errors import OverpaintError
from overpaint.plan import Plan

__all__ = ["Attacked", "attack_spec", "attacks_suite"]

NEIGHBOURS = "neighbours"


@dataclass(frozen=True)
class Attacked:
    """One state of a model, what it is asked for, and what should stay.

    Attributes:
        plans: as in `Part`; none: a given patch is attacked.
    """

    plans: tuple[Plan, ...]
    targets: tuple[Target, ...]
    probes: tuple[Probe, ...] = ()


def attack_spec(
    name: str,
    method: str | None,
    states: Sequence[Attacked],
    attacks: Sequence[Attack],
    seed: int,
    given: Plan | None = None,
) -> Spec:
    """One case: every state attacked in turn, their figures pooled over targets. ``given``: what the patch carries."""
    parts = tuple(
        Part(
            state.plans,
            state.probes,
            attacks=tuple(Assault(attack, target, seed) for target in state.targets for attack in attacks),
        )
        for state in states
    )
    settings: dict[str, Any] = {"attacks": {attack.name: attack.settings for attack in attacks}}
    settings |= {"plan": given.to_data()} if given else {}
    edits = len(given.edits) if given else 1
    return Spec(name, "attacks", edits, parts, partial(_rows, attacks=attacks), method, (HOLD_OUTS,), settings)


def attacks_suite(specs: Sequence[Spec], attacks: Sequence[Attack], judges: Judges, settings: dict[str, Any]) -> Suite:
    """The suite of some cases.

    Raises:
        OverpaintError: nobody judges.
    """
    if judges.grader is None:
        raise OverpaintError("bench attacks: needs a judge who says whether the concept is drawn; say --grader")
    budgets = {attack.name: attack.settings for attack in attacks}
    return Suite("attacks", "attacks on edited models", specs, judges, settings={**settings, "budgets": budgets})


def _rows(found: Findings, attacks: Sequence[Attack]) -> Iterator[Row]:
    sheet, judge = found.sheet, found.judges.name
    for attack in attacks:
        name = attack.name
        if not sheet.group(name):
            continue
        yield from attack_success(sheet, name, judge)
        if sheet.group(control(name)):
            yield control_success(sheet, name, control(name), judge)
        yield source_left(sheet, name, judge)
        numbers = dict.fromkeys(number for pair in sheet.group(name) for number in pair.more)
        for number in numbers:
            yield from found_by_attack(sheet, name, control(name), number)
    if sheet.group(GIVEN):
        figure = Figure.of(mean(sheet.column(GIVEN, "before", 0)))
        yield Row(metric="P(source) in them", group=GIVEN, figure=figure, judge=judge)
    if sheet.group(NEIGHBOURS):
        yield neighbour_damage(sheet, NEIGHBOURS, judge)
    if sheet.group(HOLD_OUTS):
        yield holdout_change(sheet, HOLD_OUTS, judge)
        yield holdout_delta(sheet, HOLD_OUTS, judge)
