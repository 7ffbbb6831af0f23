"""``overpaint bench``: the bars that the bundled model has to pass, and all suites."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.attacks import attacks
from overpaint.cli.console import err, out, say
from overpaint.cli.emoji_suite import emoji
from overpaint.cli.options import Device, DryRun, Guidance, Model, Precision, Seed, Steps, out_option
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
app.command("emoji")(emoji)
register(app)
app.command("attacks")(attacks)

Json = Annotated[Path, out_option("Figures with all details, JSON.")]


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
    precision: Precision = None,
    device: Device = None,
    dry_run: DryRun = False,
) -> None:
    """How well the bundled model draws what it was taught.

    A table and a JSON file. There is no report card: that says what an edit changed and what it did not, and here
    nothing is edited.
    """
    from overpaint.bench.drawing import Drawing
    from overpaint.bench.model import SUITES, ModelSuite, evaluate_model
    from overpaint.bench.model import write_scores as write
    from overpaint.cli.dry_run import costs
    from overpaint.cli.models import arithmetic
    from overpaint.cli.tables import figures
    from overpaint.emoji.scores import SCORES_FILE
    from overpaint.progress import RichProgress

    suites = tuple(suite or SUITES)
    if unknown := [name for name in suites if name not in SUITES]:
        raise OverpaintError(f"--suite {unknown[0]}: unknown; known are {', '.join(SUITES)}")
    if write_scores and ("plain" not in suites or concepts is not None):
        raise OverpaintError("--write-scores needs the plain prompts of all concepts; leave --suite and --concepts out")
    backbone, grader = _world(model, device)
    drawing = Drawing(steps, guidance, arithmetic(precision, backbone))
    asked = ModelSuite(seed, concepts, free_form, per_profession, suites, drawing)
    if dry_run:
        pictures = sum(len(asked.prompts(name, grader.vocabulary)) for name in suites)
        work = replace(asked.drawing.work(backbone, pictures), disk=0)  # none is kept
        out().print(costs(f"pictures by {model}, judged", work, backbone))
        return
    report = evaluate_model(backbone, grader, asked, RichProgress(err()))
    out().print(figures(report))
    say(report.write(out_))
    if write_scores:
        say(write(report, SCORES_FILE))


def _world(model: str, device: str | None) -> tuple[Backbone, ConceptGrader]:
    from overpaint.cli.models import grader_for, open_backbone

    backbone = open_backbone(model, device)
    grader = grader_for(backbone)
    if grader is None:
        raise OverpaintError(f"model {model}: the bundled grader knows the emoji model and its kind only; take emoji")
    return backbone, grader
