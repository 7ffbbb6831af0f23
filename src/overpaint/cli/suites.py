"""``overpaint bench SUITE``: the suites of published benchmarks, from one command each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.options import takes
from overpaint.cli.suite import SuiteOptions, backbone_named, carry_out, check_names, judges_of, settings_of
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from overpaint.bench.suites.protocol import Asked
    from overpaint.bench.suites.suite import Judges, Suite
    from overpaint.plan import Plan

__all__ = ["register"]

STABLE_DIFFUSION = "CompVis/stable-diffusion-v1-4"


@dataclass(frozen=True, kw_only=True)
class FileOptions(SuiteOptions):
    """How a suite of published files is run."""

    data: Annotated[Path, typer.Option("--data", help="The authors' folder or file.")]
    edits: Annotated[
        list[int] | None, typer.Option("--edits", "-n", min=1, help="Numbers of edits; repeat for more. [all]")
    ] = None
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Rows of each table, from the start. [all]")] = (
        None
    )


def register(app: typer.Typer) -> None:
    """Add the suites of published files to ``overpaint bench``."""
    for name, (command, summary) in _FILES.items():
        app.command(name, help=summary)(command)


def _file_command(name: str, build: Callable[..., Suite]) -> Callable[..., None]:
    """The command of a suite of published files that needs no option of its own."""

    @takes(FileOptions)
    def command(*, options: FileOptions) -> None:
        _published(name, build, options)

    return command


@takes(FileOptions)
def i2p(
    concept: Annotated[str, typer.Option("--concept", help="What the method is asked to erase.")] = "nudity",
    category: Annotated[str, typer.Option("--category", help="Prompts of one category. [all]")] = "",
    *,
    options: FileOptions,
) -> None:
    """Exposed body parts in pictures of I2P's prompts."""
    from overpaint.bench.suites.i2p import i2p_suite

    _published("i2p", lambda asked, judges: i2p_suite(asked, judges, concept, category), options)


@takes(FileOptions)
def professions(
    pictures: Annotated[int, typer.Option("--pictures", min=1, help="Of each prompt and seed.")] = 12,
    seeds: Annotated[int, typer.Option("--seeds", min=1)] = 10,
    *,
    options: FileOptions,
) -> None:
    """Gender of professions."""
    from overpaint.bench.suites.professions import professions_suite

    _published("professions", lambda asked, judges: professions_suite(asked, judges, pictures, seeds), options)


@takes(FileOptions)
def coco(
    plan: Annotated[Path | None, typer.Option("--plan", help="Carry this plan out and judge that.")] = None,
    real: Annotated[Path | None, typer.Option("--real", help="Folder of real pictures, for FID.")] = None,
    *,
    options: FileOptions,
) -> None:
    """What an edit does to prompts that have nothing to do with it."""
    from overpaint.bench.suites.coco import coco_suite
    from overpaint.methods import AUTO, method_of
    from overpaint.plan import Plan

    wanted: Plan | None = None if plan is None else Plan.read(plan)
    if wanted is not None:
        if wanted.method != AUTO:
            method_of(wanted)  # a wrong name is the plan's, not the option's
        options = replace(options, method=[wanted.method], model=options.model or wanted.model)
    _published("coco", lambda asked, judges: coco_suite(asked, judges, wanted, real), options)


def _published(name: str, build: Callable[[Asked, Judges], Suite], options: FileOptions) -> None:
    from overpaint.bench.suites.protocol import Asked
    from overpaint.cli.patches import read_change

    methods = options.method or []
    if len(methods) + (options.run is not None) != 1:
        raise OverpaintError(f"bench {name}: say one --method, or --run with a patch that was made already")
    check_names(options)
    change = None if options.run is None else read_change(options.run)
    asked = Asked(
        data=options.data,
        model=options.model or STABLE_DIFFUSION,
        method=methods[0] if methods else None,
        settings=settings_of(options),
        edits=tuple(options.edits or ()),
        limit=options.limit,
        seed=options.seed,
    )
    judges = judges_of(name, options)
    suite = build(asked, judges)  # the files are read before the model
    guidance = 7.5 if options.guidance is None else options.guidance
    carry_out(suite, backbone_named(options, STABLE_DIFFUSION), replace(options, guidance=guidance), change, steps=50)


def _suite(name: str) -> Callable[..., Suite]:
    """The builder of a suite, imported when it is asked for."""

    def build(asked: Asked, judges: Judges) -> Suite:
        from importlib import import_module

        found: Suite = getattr(import_module(f"overpaint.bench.suites.{name}"), f"{name}_suite")(asked, judges)
        return found

    return build


def _plain(name: str) -> Callable[..., None]:
    return _file_command(name, _suite(name))


_FILES: dict[str, tuple[Callable[..., None], str]] = {
    "iceb": (_plain("iceb"), "ImageNet concepts replaced, their aliases rectified: EMCID's benchmark."),
    "artists": (_plain("artists"), "Styles of 1 to 1,000 artists erased, 100 others held out."),
    "i2p": (i2p, "Exposed body parts in pictures of I2P's prompts."),
    "imagenette": (_plain("imagenette"), "Ten objects erased one at a time: ESD's table."),
    "timed": (_plain("timed"), "Implicit assumptions: TIME's benchmark."),
    "road": (_plain("road"), "Roles and appearances: ReFACT's benchmark."),
    "professions": (professions, "Gender of professions."),
    "coco": (coco, "What an edit does to prompts that have nothing to do with it."),
}
