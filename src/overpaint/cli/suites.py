"""``overpaint bench SUITE``: the suites of published benchmarks and the package's own, from one command each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.options import MODELS, Device, Guidance, Seed, takes
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.bench.suites.judges import Named
    from overpaint.bench.suites.protocol import Asked
    from overpaint.bench.suites.suite import Judges, Suite
    from overpaint.plan import Plan

__all__ = ["SuiteOptions", "register"]

STABLE_DIFFUSION = "CompVis/stable-diffusion-v1-4"


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """How a suite is run, the same for all."""

    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of result.json and pictures. [runs/bench/SUITE]")
    ] = None
    model: Annotated[str | None, typer.Option("--model", "-m", help=MODELS)] = None
    method: Annotated[list[str] | None, typer.Option("--method", help="A name that `overpaint methods` lists.")] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the method; repeat for more.")
    ] = None
    run: Annotated[Path | None, typer.Option("--run", help="Judge this run or patch instead of a method.")] = None
    captions: Annotated[
        Path | None,
        typer.Option("--captions", help="Text file of captions, one per line, whose meaning other models must keep."),
    ] = None
    seed: Seed = 0
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Sampling steps. [the protocol's]")] = None
    guidance: Guidance = None
    device: Device = None
    grader: Annotated[
        str | None,
        typer.Option(help="emoji, efficientnet-lite0, nudenet:0.6, clip:MODEL or a classifier's id. [the protocol's]"),
    ] = None
    clip: Annotated[
        str | None, typer.Option(help="emoji, open_clip:ARCHITECTURE/PRETRAINING, a hub id or none. [the protocol's]")
    ] = None
    perceptual: Annotated[str | None, typer.Option(help="lpips, lpips-full, emoji or none. [the protocol's]")] = None
    features: Annotated[
        str | None, typer.Option(help="What FID and KID are taken of: inception, emoji or none. [the protocol's]")
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many pictures, steps and hours it will cost, and stop.")
    ] = False


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
    """Add the suites to ``overpaint bench``."""
    app.command("emoji")(emoji)
    for name, (command, summary) in _FILES.items():
        app.command(name, help=summary)(command)


@takes(SuiteOptions)
def emoji(
    task: Annotated[list[str] | None, typer.Option("--task", help="Only these; repeat for more. [all]")] = None,
    split: Annotated[str, typer.Option("--split", help="validation, which methods may be tuned on, or test.")] = "test",
    quick: Annotated[bool, typer.Option("--quick", help="A look in minutes, with wide intervals.")] = False,
    scores: Annotated[Path | None, typer.Option("--scores", help="Who knows what. [the bundled file]")] = None,
    *,
    options: SuiteOptions,
) -> None:
    """All kinds of edits on the bundled model, judged by the bundled grader."""
    from overpaint.bench.graders.emoji import ConceptGrader
    from overpaint.bench.pairs import SCORES_FILE, known, read_scores
    from overpaint.bench.suites.emoji import FULL, QUICK, emoji_suite
    from overpaint.bench.suites.emoji.given import given_suite
    from overpaint.bench.suites.emoji.world import World
    from overpaint.cli.patches import read_change
    from overpaint.runs import RunFolder

    found = read_scores(scores or SCORES_FILE)
    backbone = _backbone(options, "emoji")
    judges = _judges("emoji", options)
    if not isinstance(judges.grader, ConceptGrader):
        raise OverpaintError(f"--grader {options.grader}: the emoji suite needs the bundled grader; leave it out")
    vocabulary = judges.grader.vocabulary
    world = World(
        vocabulary,
        known(vocabulary, found),
        "",
        model=options.model or "emoji",
        settings=_settings(options),
        split=split,
        seed=options.seed,
        size=QUICK if quick else FULL,
        text=backbone.text,
    )
    change = None if options.run is None else read_change(options.run)
    if options.run is not None:
        suite = given_suite(world, RunFolder.open(options.run).plan, judges)
    else:
        worlds = [replace(world, method=name) for name in options.method or ["emcid"]]
        suite = emoji_suite(worlds, judges, task or ())
    _carry_out(suite, backbone, options, change, steps=20)


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
    from overpaint.plan import Plan

    wanted: Plan | None = None if plan is None else Plan.read(plan)
    if wanted is not None:
        options = replace(options, method=[wanted.method], model=options.model or wanted.model)
    _published("coco", lambda asked, judges: coco_suite(asked, judges, wanted, real), options)


def _published(name: str, build: Callable[[Asked, Judges], Suite], options: FileOptions) -> None:
    from overpaint.bench.suites.protocol import Asked
    from overpaint.cli.patches import read_change

    methods = options.method or []
    if len(methods) + (options.run is not None) != 1:
        raise OverpaintError(f"bench {name}: say one --method, or --run with a patch that was made already")
    change = None if options.run is None else read_change(options.run)
    asked = Asked(
        data=options.data,
        model=options.model or STABLE_DIFFUSION,
        method=methods[0] if methods else None,
        settings=_settings(options),
        edits=tuple(options.edits or ()),
        limit=options.limit,
        seed=options.seed,
    )
    judges = _judges(name, options)
    suite = build(asked, judges)  # the files are read before the model
    guidance = 7.5 if options.guidance is None else options.guidance
    _carry_out(suite, _backbone(options, STABLE_DIFFUSION), replace(options, guidance=guidance), change, steps=50)


def _carry_out(suite: Suite, backbone: Backbone, options: SuiteOptions, change: Any, steps: int) -> None:
    """Run it or say what it will cost; print the tables and write the report."""
    from overpaint.bench.drawing import Drawing
    from overpaint.bench.suites.cost import cost
    from overpaint.bench.suites.run import RESULT, Bench
    from overpaint.cli.console import err, out, say
    from overpaint.cli.models import share_counter
    from overpaint.cli.results import cases, costs
    from overpaint.cli.running import read_captions
    from overpaint.progress import RichProgress
    from overpaint.report import write_report

    bench = Bench(
        backbone,
        options.model or backbone.family,
        options.out or Path("runs/bench") / suite.name,
        Drawing(options.steps or steps, options.guidance),
        given=change,
        captions=None if options.captions is None else read_captions(options.captions),
        progress=RichProgress(err()),
        counters=share_counter,
    )
    if options.dry_run:
        out().print(costs(cost(bench, suite)))
        return
    result = bench.run(suite)
    for table in cases(result):
        out().print(table)
    page, _ = write_report(bench.out)
    say(bench.out / RESULT)
    say(page)


def _backbone(options: SuiteOptions, default: str) -> Backbone:
    from overpaint.cli.models import open_backbone

    return open_backbone(options.model or default, options.device)


def _judges(suite: str, options: SuiteOptions) -> Judges:
    from overpaint.backbone.devices import best_device
    from overpaint.bench.suites import judges as names

    wanted: Named = names.DEFAULTS[suite]
    said = {name: getattr(options, name) for name in ("grader", "clip", "perceptual", "features")}
    chosen = replace(wanted, **{name: value for name, value in said.items() if value is not None})
    return names.judges_named(chosen, options.device or str(best_device()))


def _settings(options: SuiteOptions) -> dict[str, Any]:
    from overpaint.cli.edit import setting

    return dict(setting(text) for text in options.settings or ())


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
