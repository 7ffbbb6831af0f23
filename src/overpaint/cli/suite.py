"""What all commands of suites share: options, and from a suite to tables, result file and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.options import MODELS, Device, DryRun, Guidance, Precision, Seed, out_option

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.bench.suites.judges import Named
    from overpaint.bench.suites.suite import Judges, Suite

__all__ = ["SuiteOptions", "backbone_named", "carry_out", "check_names", "judges_of", "settings_of"]


@dataclass(frozen=True, kw_only=True)
class SuiteOptions:
    """How a suite is run, the same for all."""

    out: Annotated[Path | None, out_option("Folder of result.json and pictures. [runs/bench/SUITE]")] = None
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
    precision: Precision = None
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
    dry_run: DryRun = False


def carry_out(
    suite: Suite,
    backbone: Backbone,
    options: SuiteOptions,
    change: Any,
    steps: int,
    captions: Sequence[str] | None = None,
) -> None:
    """Run it or say what it will cost; print the tables and write the report. ``captions``: in place of a file's."""
    from overpaint.bench.drawing import Drawing
    from overpaint.bench.suites.cost import cost
    from overpaint.bench.suites.run import RESULT, Bench
    from overpaint.cli.console import err, out, say
    from overpaint.cli.dry_run import costs
    from overpaint.cli.models import arithmetic, share_counter
    from overpaint.cli.results import cases
    from overpaint.cli.running import read_captions
    from overpaint.progress import RichProgress
    from overpaint.report import write_report

    drawing = Drawing(options.steps or steps, options.guidance, arithmetic(options.precision, backbone))
    bench = Bench(
        backbone,
        options.model or backbone.family,
        options.out or Path("runs/bench") / suite.name,
        drawing,
        given=change,
        captions=captions if options.captions is None else read_captions(options.captions),
        progress=RichProgress(err()),
        counters=lambda model, plan: share_counter(model, plan, drawing=drawing),
    )
    if options.dry_run:
        found = cost(bench, suite)
        more = {
            "cases": f"{found.cases}, of which {found.finished} are finished",
            "edits to fit": f"{found.edits} in {found.plans} plans",
        }
        out().print(costs(f"{suite.name} by {bench.model}", found.work, backbone, found.seconds, more))
        return
    result = bench.run(suite)
    for table in cases(result):
        out().print(table)
    page, _ = write_report(bench.out)
    say(bench.out / RESULT)
    say(page)


def check_names(options: SuiteOptions) -> None:
    """PlanError for a name that no method has, before a file is read or a model is loaded."""
    from overpaint.cli.methods import named
    from overpaint.methods import AUTO

    for name in options.method or ():
        if name != AUTO:
            named(name, "--method")


def backbone_named(options: SuiteOptions, default: str) -> Backbone:
    """The model that is asked for, or the default one."""
    from overpaint.cli.models import open_backbone

    return open_backbone(options.model or default, options.device)


def judges_of(suite: str, options: SuiteOptions) -> Judges:
    """The protocol's judges but for those that are named. OverpaintError if one cannot be had."""
    from overpaint.backbone.devices import best_device
    from overpaint.bench.suites import judges as names

    wanted: Named = names.DEFAULTS[suite]
    said = {name: getattr(options, name) for name in ("grader", "clip", "perceptual", "features")}
    chosen = replace(wanted, **{name: value for name, value in said.items() if value is not None})
    return names.judges_named(chosen, options.device or str(best_device()))


def settings_of(options: SuiteOptions) -> dict[str, Any]:
    """The method's settings as a plan has them."""
    from overpaint.cli.edit import setting

    return dict(setting(text) for text in options.settings or ())
