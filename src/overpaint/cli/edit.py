"""``overpaint erase | replace | moderate | rectify | edit``: from words or a plan file to a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.options import RunOptions, takes_run_options
from overpaint.errors import PlanError

if TYPE_CHECKING:
    from overpaint.plan import Plan

__all__ = ["edit", "erase", "moderate", "overridden", "rectify", "replace", "setting"]

Kind = Annotated[str, typer.Option("--kind", help="object, style, person, profession...: chooses the prompts.")]
To = Annotated[str | None, typer.Option("--to", help="What to draw instead.")]
Preserve = Annotated[list[str] | None, typer.Option("--preserve", help="A concept to protect; repeat for more.")]


@takes_run_options
def erase(
    concept: Annotated[str, typer.Argument(help="What the model is to forget.")],
    to: To = None,
    within: Annotated[str | None, typer.Option("--from", help="Only this concept is to lose it.")] = None,
    kind: Kind = "object",
    preserve: Preserve = None,
    *,
    options: RunOptions,
) -> None:
    """Make a model forget a concept."""
    said = {"to": to, "from": within}
    _one({"erase": concept, "kind": kind} | {key: name for key, name in said.items() if name}, preserve, options)


@takes_run_options
def moderate(
    concept: Annotated[str, typer.Argument(help="A general concept, such as weapon.")],
    member: Annotated[list[str] | None, typer.Option("--member", help="What belongs to it; repeat for more.")] = None,
    to: To = None,
    kind: Kind = "object",
    preserve: Preserve = None,
    *,
    options: RunOptions,
) -> None:
    """Make a model forget a general concept and all that belongs to it."""
    _one({"moderate": concept, "members": member, "to": to, "kind": kind}, preserve, options)


@takes_run_options
def replace(
    source: Annotated[str, typer.Argument(help="The concept as it is written in prompts.")],
    destination: Annotated[str, typer.Argument(help="What is drawn for it from now on.")],
    kind: Kind = "object",
    preserve: Preserve = None,
    *,
    options: RunOptions,
) -> None:
    """Make a model draw one concept where another is asked for."""
    _one({"replace": source, "with": destination, "kind": kind}, preserve, options)


@takes_run_options
def rectify(
    name: Annotated[str, typer.Argument(help="A name that the model misunderstands.")],
    meaning: Annotated[str, typer.Argument(help="A name that it knows for the same thing.")],
    kind: Kind = "object",
    preserve: Preserve = None,
    *,
    options: RunOptions,
) -> None:
    """Teach a model a name that it misunderstands."""
    _one({"rectify": name, "as": meaning, "kind": kind}, preserve, options)


@takes_run_options
def edit(
    plan: Annotated[Path, typer.Argument(help="A plan: .yaml, .yml, .json, or a .csv table of source,destination.")],
    *,
    options: RunOptions,
) -> None:
    """Carry out a plan: one to a thousand edits. A run that was stopped goes on with the same command."""
    from overpaint.plan import Plan

    _carry_out(Plan.read(plan), options)


def overridden(
    plan: Plan,
    model: str | None = None,
    method: str | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    other_words: bool | None = None,
) -> Plan:
    """The plan with what the command line says in place of the file's words; it is checked anew."""
    from overpaint.plan import Plan, Where

    said = {"model": model, "method": method, "seed": seed, "other_words": other_words}
    changed = {name: value for name, value in said.items() if value is not None}
    given = dict(setting(text) for text in settings)
    places = {name: Where(f"--{name}") for name in changed} | {f"settings.{name}": Where("--set") for name in given}
    return Plan.model_validate(
        {**dict(plan), **changed, "settings": {**plan.settings, **given}, "places": {**plan.places, **places}}
    )


def _one(entry: Mapping[str, object], preserve: list[str] | None, options: RunOptions) -> None:
    """Carry out a plan of a single edit, given in the words of a plan file."""
    from overpaint.plan import Plan

    _carry_out(Plan.parse({"edits": [entry], "preserve": preserve or []}), options)


def _carry_out(plan: Plan, options: RunOptions) -> None:
    from overpaint.cli.running import run

    asked = overridden(plan, options.model, options.method, options.seed, options.settings or (), options.other_words)
    run(asked, options, options.bank)


def setting(text: str) -> tuple[str, Any]:
    """``key=value``, the value as plan files have it: ``rate=1e-4``, ``blocks=[0, 1]``, ``warm_start=false``.

    Raises:
        PlanError: it is not of this form, or no plan could hold the value.
    """
    from overpaint.plan.checks import quoted
    from overpaint.plan.marked import from_yaml
    from overpaint.plan.values import as_plain
    from overpaint.plan.where import Problems, Where

    where, problems = Where(f"--set {quoted(text)}"), Problems()
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise PlanError(f"{where}: not a setting; write key=value, such as --set steps=30")
    item = from_yaml(value, lambda line: where)
    plain = None if item is None else as_plain(item, name.strip(), problems, {})
    if problems:
        raise problems.error()
    return name.strip(), plain
