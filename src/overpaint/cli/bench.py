"""``overpaint bench model | edits``: the bars that the bundled model and its edits have to pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.console import err, out, say
from overpaint.cli.options import Device, Guidance, Model, Seed, Steps
from overpaint.cli.suites import register
from overpaint.errors import OverpaintError

if TYPE_CHECKING:
    from overpaint.backbone.backbone import Backbone
    from overpaint.bench.graders.emoji import ConceptGrader

__all__ = ["app"]

app = typer.Typer(
    help="Measure models and their edits: published benchmarks and our own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
register(app)

Json = Annotated[Path, typer.Option("--out", "-o", help="Figures with all details, JSON.")]


@app.command("model")
def model(
    out_: Json = Path("runs/bench/model.json"),
    model: Model = "emoji",
    concepts: Annotated[int | None, typer.Option("--concepts", min=1, help="A sample of so many. [all]")] = None,
    free_form: Annotated[int, typer.Option("--free-form", min=1, max=24, help="Sentences per concept.")] = 4,
    per_profession: Annotated[int, typer.Option("--per-profession", min=1, help="Pictures per profession.")] = 32,
    suite: Annotated[list[str] | None, typer.Option("--suite", help="Only these; repeat for more. [all]")] = None,
    write_scores: Annotated[
        bool, typer.Option("--write-scores", help="Store every concept's P(true) beside the model.")
    ] = False,
    seed: Seed = 0,
    steps: Steps = 20,
    guidance: Guidance = None,
    device: Device = None,
) -> None:
    """How well the bundled model draws what it was taught."""
    from overpaint.bench.drawing import Drawing
    from overpaint.bench.model import SUITES, ModelSuite, evaluate_model
    from overpaint.bench.model import write_scores as write
    from overpaint.bench.pairs import SCORES_FILE
    from overpaint.cli.tables import figures
    from overpaint.progress import RichProgress

    suites = tuple(suite or SUITES)
    if unknown := [name for name in suites if name not in SUITES]:
        raise OverpaintError(f"--suite {unknown[0]}: unknown; known are {', '.join(SUITES)}")
    if write_scores and ("plain" not in suites or concepts is not None):
        raise OverpaintError("--write-scores needs the plain prompts of all concepts; leave --suite and --concepts out")
    backbone, grader = _world(model, device)
    asked = ModelSuite(seed, concepts, free_form, per_profession, suites, Drawing(steps, guidance))
    report = evaluate_model(backbone, grader, asked, RichProgress(err()))
    out().print(figures(report))
    say(report.write(out_))
    if write_scores:
        say(write(report, SCORES_FILE))


@app.command("edits")
def edits(
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many concepts are replaced.")] = 100,
    method: Annotated[list[str] | None, typer.Option("--method", help="Repeat to compare. [emcid]")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the methods; repeat for more.")
    ] = None,
    holdouts: Annotated[int, typer.Option("--holdouts", min=0, help="Concepts that no edit mentions.")] = 300,
    drawn: Annotated[int | None, typer.Option("--draw", min=1, help="Draw a sample of the edits. [all]")] = None,
    free_form: Annotated[int, typer.Option("--free-form", min=0, max=24, help="Sentences per edit.")] = 5,
    near: Annotated[bool, typer.Option("--near", help="Destinations of the source's own subgroup.")] = False,
    unmentioned: Annotated[
        bool, typer.Option("--unmentioned", help="Keep the hold-outs out of the second moments' captions.")
    ] = False,
    out_: Json = Path("runs/bench/edits.json"),
    model: Model = "emoji",
    scores: Annotated[Path | None, typer.Option("--scores", help="Who knows what. [the bundled file]")] = None,
    seed: Seed = 0,
    steps: Steps = 20,
    guidance: Guidance = None,
    device: Device = None,
) -> None:
    """What so many replacements do to destinations, sources and hold-outs, by one method or several."""
    from overpaint.bench.compare import compare
    from overpaint.bench.drawing import Drawing
    from overpaint.bench.edits import EditSuite
    from overpaint.bench.pairs import SCORES_FILE, choose, known, read_scores
    from overpaint.cli.edit import overridden
    from overpaint.cli.tables import figures
    from overpaint.files import write_json_atomic
    from overpaint.progress import RichProgress

    found = read_scores(scores or SCORES_FILE)
    backbone, grader = _world(model, device)
    selection = choose(grader.vocabulary, known(grader.vocabulary, found), n, holdouts, seed, near)
    plans = [
        overridden(selection.plan(model=model, seed=seed, method=name), settings=settings or ())
        for name in method or ["emcid"]
    ]
    asked = EditSuite(seed, free_form, edits=drawn, drawing=Drawing(steps, guidance))
    reports = []
    for report in compare(backbone, grader, plans, selection, asked, unmentioned, RichProgress(err())):
        out().print(figures(report))
        reports.append(report.to_data())
        write_json_atomic(out_, reports)  # each is minutes of work
    say(out_)


def _world(model: str, device: str | None) -> tuple[Backbone, ConceptGrader]:
    from overpaint.cli.models import grader_for, open_backbone

    backbone = open_backbone(model, device)
    grader = grader_for(backbone)
    if grader is None:
        raise OverpaintError(f"model {model}: the bundled grader knows the emoji model and its kind only; take emoji")
    return backbone, grader
