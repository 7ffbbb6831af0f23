"""``overpaint bench attacks``: can what was edited away still be had?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.emoji_suite import check_methods, emoji_world
from overpaint.cli.options import takes
from overpaint.cli.suite import SuiteOptions, backbone_named, carry_out, check_names, judges_of, settings_of
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overpaint.backbone.backbone import Backbone
    from overpaint.bench.attacks import Attack
    from overpaint.bench.attacks.known import Known
    from overpaint.bench.suites.emoji.world import World
    from overpaint.bench.suites.suite import Spec
    from overpaint.plan import Plan

__all__ = ["attacks"]

NAMES = "YAML file of what attackers know: other names, category and names in other languages of concepts, hold-outs."


@takes(SuiteOptions)
def attacks(
    attack: Annotated[list[str] | None, typer.Option("--attack", help="Only these; repeat for more. [all]")] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="ATTACK.SETTING=NUMBER", help="Of an attack, or SETTING of all; repeatable."),
    ] = None,
    concept: Annotated[
        list[str] | None, typer.Option("--concept", help="Erase and attack this; repeatable. [drawn by seed]")
    ] = None,
    concepts: Annotated[int | None, typer.Option("--concepts", min=1, help="How many. [8; 3 with --quick]")] = None,
    names: Annotated[Path | None, typer.Option("--names", help=NAMES)] = None,
    split: Annotated[str, typer.Option("--split", help="validation, which methods may be tuned on, or test.")] = "test",
    quick: Annotated[bool, typer.Option("--quick", help="A look in minutes, with wide intervals.")] = False,
    scores: Annotated[Path | None, typer.Option("--scores", help="Who knows what. [the bundled file]")] = None,
    *,
    options: SuiteOptions,
) -> None:
    """Attacks of a fixed budget on what methods erase, or on a run's patch: who still gets the concept?"""
    from overpaint.bench.attacks import attacks_of
    from overpaint.bench.attacks.known import Known, read_known
    from overpaint.bench.graders.emoji import ConceptGrader
    from overpaint.bench.suites.attacks import attacks_suite
    from overpaint.bench.suites.emoji import FULL, QUICK
    from overpaint.cli.patches import read_change

    chosen = attacks_of(attack or (), budget or (), quick)
    known = Known() if names is None else read_known(names)
    if options.run is not None and (options.method or concept):
        raise OverpaintError("bench attacks: --run brings its method and concepts; leave --method and --concept out")
    check_names(options)
    plan = None if options.run is None else _plan(options.run)
    count = concepts or (3 if quick else 8)
    judges = judges_of("attacks", options)
    backbone = backbone_named(options, "emoji")
    bundled = isinstance(judges.grader, ConceptGrader)
    if isinstance(judges.grader, ConceptGrader):
        size = QUICK if quick else FULL
        world = emoji_world(judges.grader.vocabulary, backbone, options, split, size, scores)
        worlds = [replace(world, method=name) for name in options.method or ["emcid"]]
        specs = _bundled(worlds, backbone, plan, chosen, known, concept or (), count)
    elif plan is not None:
        specs = [_given(plan, chosen, known, count, options)]
    else:
        specs = _named(chosen, known, concept or (), options)
    about = {"seed": options.seed, "method settings": settings_of(options), "quick": quick}
    suite = attacks_suite(specs, chosen, judges, about)
    change = None if options.run is None else read_change(options.run)
    carry_out(suite, backbone, options, change, steps=20 if bundled else 50)


def _bundled(
    worlds: Sequence[World],
    backbone: Backbone,
    plan: Plan | None,
    attacks: Sequence[Attack],
    known: Known,
    concepts: Sequence[str],
    count: int,
) -> list[Spec]:
    """On the bundled world, whose concepts, their names and hold-outs are known."""
    from overpaint.bench.suites.emoji.attacked import attacked, given_attacked

    if plan is not None:
        return [given_attacked(worlds[0], plan, attacks, known, count)]
    check_methods(worlds, backbone)
    return [attacked(world, backbone, attacks, known, concepts, count) for world in worlds]


def _named(attacks: Sequence[Attack], known: Known, concepts: Sequence[str], options: SuiteOptions) -> list[Spec]:
    """Each concept erased by a patch of its own, by every method."""
    from overpaint.bench.attacks.known import targets_of
    from overpaint.bench.suites.attacks import Attacked, attack_spec
    from overpaint.plan import Edit, Plan

    if not concepts or not options.method:
        raise OverpaintError("bench attacks: say --concept and --method, or --run with a patch that was made already")
    edits = [Edit(action="erase", source=name) for name in concepts]
    held = tuple(known.held(edits[0].prompts, options.seed))
    made = []
    for method in options.method:
        states = [
            Attacked(
                (
                    Plan(
                        model=options.model or "emoji",
                        method=method,
                        settings=settings_of(options),
                        edits=(edit,),
                        seed=options.seed,
                    ),
                ),
                targets_of([edit], known),
                held,
            )
            for edit in edits
        ]
        made.append(attack_spec(f"{method}/attacks/1", method, states, attacks, options.seed))
    return made


def _given(plan: Plan, attacks: Sequence[Attack], known: Known, count: int, options: SuiteOptions) -> Spec:
    """What a run took away, on any model."""
    from overpaint.bench.attacks.known import targets_of
    from overpaint.bench.suites.attacks import Attacked, attack_spec

    held = tuple(known.held(plan.edits[0].prompts, options.seed))
    state = Attacked((), targets_of(plan.edits, known, count), held)
    return attack_spec(f"{plan.method}/run", plan.method, [state], attacks, options.seed, plan)


def _plan(run: Path) -> Plan:
    from overpaint.runs import RunFolder

    return RunFolder.open(run).plan
