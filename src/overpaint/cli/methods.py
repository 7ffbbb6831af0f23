"""``overpaint methods``: what there is to choose from."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer
from rich import box
from rich.table import Table

from overpaint.cli.console import out, plain, table
from overpaint.cli.settings import shown

if TYPE_CHECKING:
    from overpaint.methods import Method

__all__ = ["methods", "named"]


def methods(
    name: Annotated[str | None, typer.Argument(help="One of them, with all its settings. [a list of all]")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Which work on this model or family, and why others do not.")
    ] = None,
) -> None:
    """List the editing methods: what each changes, what it takes, and where it was published."""
    from overpaint.methods import METHODS

    one = None if name is None else named(name, "overpaint methods")
    if model is not None:
        _on(model, list(METHODS.values()) if one is None else [one])
        return
    if one is not None:
        _one(one)
        return
    made = table("methods", "name", "what it does", "edits", "cost", "paper")
    made.box, made.show_lines = box.SIMPLE_HEAD, True
    for column in made.columns:
        column.justify = "left"
    made.columns[0].no_wrap = True
    made.columns[0].overflow = "ignore"
    for method in METHODS.values():
        made.add_row(plain(method.name, "bold"), *map(plain, (method.summary, method.edits, method.cost, method.paper)))
    out().print(made)


def named(name: str, where: str) -> Method:
    """The method of that name.

    Arguments:
        where: what named it, for the message: ``--method``.

    Raises:
        PlanError: there is none; the message is that of plans.
    """
    from overpaint.methods import method_of
    from overpaint.plan import Edit, Plan, Where

    any_edit = Edit(action="erase", source="anything")
    return method_of(Plan(method=name, edits=(any_edit,), places={"method": Where(where)}))


def _on(model: str, listed: list[Method]) -> None:
    from overpaint.backbone.families import FAMILIES, obstacle
    from overpaint.backbone.loading import family_of

    family = family_of(model)
    made = table(f"methods on {FAMILIES[family].title}", "name", "works", "what stands in the way, or what is edited")
    for column in made.columns:
        column.justify = "left"
    for method in listed:
        reason = obstacle(method.needs, family)
        made.add_row(plain(method.name, "bold"), plain("no" if reason else "yes"), plain(reason or method.edits))
    out().print(made)


def _one(method: Method) -> None:
    made = table(method.name, "", "")
    made.show_header = False
    made.columns[1].justify = "left"
    for label, text in (
        ("what it does", method.summary),
        ("can", ", ".join(sorted(method.actions))),
        ("edits", method.edits),
        ("cost", method.cost),
        ("paper", method.paper),
        ("works on", ", ".join(method.families)),
    ):
        made.add_row(plain(label), plain(text))
    out().print(made)
    out().print(_settings(method))


def _settings(method: Method) -> Table:
    """Each with its default on the bundled model, and where that comes from."""
    from overpaint.backbone.loading import BUNDLED
    from overpaint.cli.models import open_backbone

    backbone = open_backbone(BUNDLED, "cpu")
    defaults = method.config.model_validate(method.defaults(method.name, backbone)).model_dump(by_alias=True)
    origins = method.origins(method.name, backbone.family)
    made = table("settings on the bundled model", "setting", "takes", "default", "from")
    for column in made.columns:
        column.justify = "left"
    for key, field in method.config.model_fields.items():
        name = field.alias or key
        default = shown(defaults[name])
        made.add_row(plain(name, "bold"), plain(_type(field.annotation)), plain(default), plain(origins.of(name)))
    return made


def _type(annotation: Any) -> str:
    """As in code, the values of a choice one by one."""
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join("none" if one is type(None) else _type(one) for one in get_args(annotation))
    if get_args(annotation):
        inner = ", ".join("..." if one is Ellipsis else _type(one) for one in get_args(annotation))
        return f"{get_origin(annotation).__name__}[{inner}]"
    return str(getattr(annotation, "__name__", annotation))
