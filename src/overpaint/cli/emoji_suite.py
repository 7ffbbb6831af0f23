"""``overpaint bench emoji``: the package's own suite, whose sizes can be chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.options import takes
from overpaint.cli.suite import SuiteOptions, backbone_named, carry_out, check_names, judges_of, settings_of
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overpaint.backbone.backbone import Backbone
    from overpaint.bench.suites.emoji.world import Size, World
    from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["check_methods", "emoji", "emoji_world"]


@takes(SuiteOptions)
def emoji(
    task: Annotated[list[str] | None, typer.Option("--task", help="Only these; repeat for more. [all]")] = None,
    split: Annotated[str, typer.Option("--split", help="validation, which methods may be tuned on, or test.")] = "test",
    quick: Annotated[bool, typer.Option("--quick", help="A look in minutes: wide intervals, fewer tasks.")] = False,
    edits: Annotated[
        list[int] | None,
        typer.Option("--edits", "-n", min=1, help="Numbers of replacements; repeat for more. [1 to 1,000]"),
    ] = None,
    drawn: Annotated[int | None, typer.Option("--draw", min=1, help="Draw so many of a plan's edits. [48]")] = None,
    free_form: Annotated[int | None, typer.Option("--free-form", min=1, max=12, help="Sentences per edit. [5]")] = None,
    holdouts: Annotated[
        int | None, typer.Option("--holdouts", min=2, help="Concepts that no edit mentions. [300]")
    ] = None,
    near: Annotated[
        bool, typer.Option("--near", help="Replace concepts by others of their own subgroup, which look alike.")
    ] = False,
    unmentioned: Annotated[
        bool, typer.Option("--unmentioned", help="Keep the hold-outs out of the second moments' captions.")
    ] = False,
    other_words: Annotated[
        bool, typer.Option("--other-words", help="Let each plan find and edit other words for what it edits.")
    ] = False,
    scores: Annotated[Path | None, typer.Option("--scores", help="Who knows what. [the bundled file]")] = None,
    *,
    options: SuiteOptions,
) -> None:
    """All kinds of edits on the bundled model by one method or several, judged by the bundled grader."""
    from overpaint.bench.graders.emoji import ConceptGrader
    from overpaint.bench.suites.emoji import FULL, QUICK, QUICK_TASKS, emoji_suite
    from overpaint.bench.suites.emoji.given import given_suite
    from overpaint.bench.suites.emoji.unmentioned import CAPTIONS, without
    from overpaint.cli.patches import read_change
    from overpaint.runs import RunFolder

    if unmentioned and (options.captions is not None or options.run is not None):
        raise OverpaintError("--unmentioned chooses captions for methods; leave --captions and --run out")
    check_names(options)
    backbone = backbone_named(options, "emoji")
    judges = judges_of("emoji", options)
    if not isinstance(judges.grader, ConceptGrader):
        raise OverpaintError(f"--grader {options.grader}: the emoji suite needs the bundled grader; leave it out")
    vocabulary = judges.grader.vocabulary
    asked: dict[str, Any] = {
        "replacements": tuple(edits) if edits else None,
        "drawn": drawn,
        "free_form": free_form,
        "holdouts": holdouts,
    }
    size = replace(QUICK if quick else FULL, **{name: value for name, value in asked.items() if value is not None})
    world = emoji_world(vocabulary, backbone, options, split, size, scores, near)
    world = replace(world, other_words=other_words)
    change = None if options.run is None else read_change(options.run)
    if options.run is not None:
        suite = given_suite(world, RunFolder.open(options.run).plan, judges)
    else:
        worlds = [replace(world, method=name) for name in options.method or ["emcid"]]
        check_methods(worlds, backbone)
        suite = emoji_suite(worlds, judges, task or (QUICK_TASKS if quick else ()))
    captions = None
    if unmentioned:
        captions = without(vocabulary, world.holdouts, int(world.settings.get("captions", CAPTIONS)))
        suite = replace(suite, settings={**suite.settings, "captions": f"{len(captions)} that name no hold-out"})
    if other_words:
        suite = replace(suite, settings={**suite.settings, "other words": "found and edited"})
    carry_out(suite, backbone, options, change, steps=20, captions=captions)


def emoji_world(
    vocabulary: Vocabulary,
    backbone: Backbone,
    options: SuiteOptions,
    split: str,
    size: Size,
    scores: Path | None,
    near: bool = False,
) -> World:
    """The bundled world as the options want it, without a method. OverpaintError for unreadable scores."""
    from overpaint.bench.suites.emoji.world import World
    from overpaint.emoji.scores import SCORES_FILE, known, read_scores

    return World(
        vocabulary,
        known(vocabulary, read_scores(scores or SCORES_FILE)),
        "",
        model=options.model or "emoji",
        settings=settings_of(options),
        split=split,
        seed=options.seed,
        size=size,
        text=backbone.text,
        near=near,
    )


def check_methods(worlds: Sequence[World], backbone: Backbone) -> None:
    """PlanError for a method or setting that does not exist or does not fit the model, before anything is drawn."""
    from overpaint.methods import configure, method_of
    from overpaint.plan import Edit, Where

    places = {"method": Where("--method"), "settings": Where("--set")}
    for world in worlds:
        plan = world.plan([Edit(action="erase", source="anything")])
        if "erase" not in method_of(plan).actions:
            plan = world.plan([Edit(action="replace", source="anything", destination="something")])
        configure(plan.model_copy(update={"places": places}), backbone)
