"""Do the suite's figures hold for somebody who has neither overpaint nor its grader?

    python benchmarks/independent.py --seed 4711
    python benchmarks/independent.py --plan hidden.yaml --set steps=40

So many replacements, drawn by a seed that nobody used before or read from a plan, are carried out and judged twice:

* by the suite: ``overpaint bench emoji --run``, with the bundled grader;
* from outside: ``overpaint patch apply`` writes an edited folder; stock diffusers draws from it and from the bundled
  model's folder, in a process without overpaint (`stock_draw`), in the plan's templates and in sentences of this file,
  at other seeds and of other hold-outs; a network that is trained here, on renderings alone, judges (`other_grader`).

Three figures are compared: P(destination) / C in templates and in sentences, and the relative change of hold-outs. They
agree if they are within 0.05. The renderings are the recipe's: ``python -m overpaint.emoji.recipe --only render``. A
stopped comparison goes on with the same command.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from emoji_methods import script
from other_grader import accuracy, grade, train
from PIL import Image

from overpaint.bench.pairs import choose
from overpaint.bench.results import Result
from overpaint.bench.scores import Score, change, ratio
from overpaint.cli.edit import overridden
from overpaint.emoji.assets import MODEL
from overpaint.emoji.captions import fill
from overpaint.emoji.scores import SCORES_FILE, known, read_scores
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.files import write_json_atomic, write_text_atomic
from overpaint.hashing import loose_digest
from overpaint.plan import Plan

HERE = Path(__file__).parent
SENTENCES = ("somebody has left a {} on the table", "what a lovely {}", "my sister collects pictures of a {}")
"""Of no list in the package."""
PLAIN = ("an image of a {}", "{}")
"""For hold-outs."""
TEMPLATES, FREE_FORM, HOLD_OUTS = "templates", "free form", "hold-outs"
GUIDANCE = 4.0
BAR = 0.05
LEAST = 0.9
"""Of the renderings the other grader must name; one that does not know them agrees with anything."""


@dataclass(frozen=True)
class Question:
    """One picture from outside.

    Attributes:
        group: of `FIGURES`.
        unit: whom it is about.
        model: "edited" or "base".
        wanted: the concept whose probability counts.
    """

    group: str
    unit: str
    model: str
    prompt: str
    seed: int
    wanted: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, help="replacements of the bundled model; drawn by --seed by default")
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--holdouts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=4711, help="of edits, hold-outs, pictures and the other grader")
    parser.add_argument("--method", default="emcid")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the method")
    parser.add_argument("--steps", type=int, default=20, help="of a picture")
    parser.add_argument("--epochs", type=int, default=20, help="of the other grader")
    parser.add_argument("--renderings", type=Path, default=Path(".work/emoji"), help="the recipe's folder")
    parser.add_argument("--out", type=Path, default=Path("runs/bench/independent"))
    parser.add_argument("--dry-run", action="store_true", help="say what it takes, and stop")
    options = parser.parse_args()
    rgba, concept = rendered(options.renderings)
    plan = planned(options)
    questions = list(asked(plan, options.holdouts, options.seed))
    if options.dry_run:
        print(f"{len(plan.edits)} edits by {plan.method}: overpaint edit --dry-run says what they take")
        print(f"the suite's pictures: overpaint bench emoji --run {options.out / 'run'} --dry-run")
        print(f"pictures from outside: {len(questions):,} of {options.steps} steps")
        print(f"the other grader: {options.epochs} epochs of {len(rgba):,} renderings")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    plan.write(options.out / "plan.yaml")
    run, edited = options.out / "run", options.out / "edited"
    overpaint("edit", options.out / "plan.yaml", "--out", run, "--no-evaluate")
    suite = options.out / "suite"
    size = ("--draw", len(plan.edits), "--holdouts", options.holdouts, "--free-form", len(SENTENCES))
    alone = ("--clip", "none", "--perceptual", "none", "--features", "none")
    drawing = ("--steps", options.steps, "--guidance", GUIDANCE)
    overpaint("bench", "emoji", "--run", run, "--out", suite, *drawing, *size, *alone)
    if not (edited / "model_index.json").is_file():
        overpaint("patch", "apply", run, "--out", edited)
    learned = options.out / f"grader-{options.seed}-{options.epochs}.pt"
    model = train(rgba, concept, options.epochs, options.seed, learned)
    named = accuracy(model, rgba, concept)
    scores = np.full(len(questions), np.nan)
    index = {name.name: number for number, name in enumerate(Vocabulary.load().concepts)}
    for name, folder in (("edited", edited), ("base", MODEL)):
        rows = [row for row, question in enumerate(questions) if question.model == name]
        images = draw(folder, [questions[row] for row in rows], options.out / "drawn" / name, options.steps)
        classes = [index[questions[row].wanted] for row in rows]
        scores[rows] = grade(model, images)[range(len(rows)), classes].numpy()
    tell(from_outside(questions, scores), from_suite(Result.read(suite / "result.json")), named, options.out)


def rendered(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The recipe's renderings and their classes. Raises OverpaintError if there are none of this vocabulary."""
    file, mark = folder / "pictures.npz", folder / "pictures.concepts"
    emoji = [concept.emoji for concept in Vocabulary.load().concepts]
    if not file.is_file() or not mark.is_file() or mark.read_text(encoding="utf-8").split() != emoji:
        raise OverpaintError(
            f"{folder}: no renderings of the bundled vocabulary; write them with python -m overpaint.emoji.recipe"
            " --only sources --only render"
        )
    with np.load(file) as arrays:
        return arrays["rgba"], arrays["concept"]


def planned(options: argparse.Namespace) -> Plan:
    """The plan that was named, or replacements by seed."""
    vocabulary = Vocabulary.load()
    if options.plan is not None:
        plan = Plan.read(options.plan)
        for edit in plan.edits:
            if edit.action != "replace" or edit.destinations[0] not in vocabulary.by_name:
                raise OverpaintError(f"{edit.at}: only replacements by concepts of the bundled model can be compared")
        return plan
    names = known(vocabulary, read_scores(SCORES_FILE))
    selection = choose(vocabulary, names, options.edits, 0, options.seed)
    plan = selection.plan(model="emoji", method=options.method, seed=options.seed)
    return overridden(plan, settings=options.set)


def asked(plan: Plan, holdouts: int, seed: int) -> Iterator[Question]:
    """The edits by every name and their destinations by their own, and hold-outs that the plan does not mention."""
    source = random.Random(seed)
    for edit in plan.edits:
        for group, templates in ((TEMPLATES, edit.prompts), (FREE_FORM, SENTENCES)):
            for template in templates:
                number = source.randrange(2**31)
                for model, name in (("edited", edit.source), ("base", edit.destinations[0])):
                    yield Question(group, edit.key, model, fill(template, name), number, edit.destinations[0])
    mentioned = {phrase for edit in plan.edits for phrase in edit.phrases} | set(plan.preserve)
    names = [name for name in known(Vocabulary.load(), read_scores(SCORES_FILE)) if name not in mentioned]
    for name in source.sample(names, min(holdouts, len(names))):
        for template in PLAIN:
            number = source.randrange(2**31)
            for model in ("edited", "base"):
                yield Question(HOLD_OUTS, name, model, fill(template, name), number, name)


def draw(model: Path, questions: Sequence[Question], folder: Path, steps: int) -> list[Image.Image]:
    """Pictures of a stock pipeline in a process of its own, which refuses to have drawn with overpaint imported."""
    requests = [[question.prompt, question.seed] for question in questions]
    told = write_json_atomic(folder.with_name(f"{folder.name}-{loose_digest([requests, steps])[:16]}.json"), requests)
    command = [sys.executable, HERE / "stock_draw.py", model, told, told.with_suffix("")]
    more = ["--steps", steps, "--guidance", GUIDANCE]
    carried_out([*command, *more])
    return [Image.open(told.with_suffix("") / f"{k}.png").convert("RGB") for k in range(len(questions))]


def from_outside(questions: Sequence[Question], scores: np.ndarray) -> dict[str, Score]:
    """The three figures, over edits and hold-outs."""
    columns: dict[tuple[str, str], list[float]] = {}
    for group in (TEMPLATES, FREE_FORM, HOLD_OUTS):
        units: dict[str, dict[str, list[float]]] = {}
        for question, score in zip(questions, scores, strict=True):
            if question.group == group:
                units.setdefault(question.unit, {}).setdefault(question.model, []).append(float(score))
        for model in ("edited", "base"):
            columns[group, model] = [float(np.mean(found[model])) for found in units.values()]
    figures = {group: ratio(columns[group, "edited"], columns[group, "base"]) for group in (TEMPLATES, FREE_FORM)}
    return {**figures, HOLD_OUTS: change(columns[HOLD_OUTS, "edited"], columns[HOLD_OUTS, "base"])}


def from_suite(result: Result) -> dict[str, Score]:
    """The same three of the suite."""
    (case,) = result.cases
    found = {group: case.row("P(destination) / C", group).figure.score for group in (TEMPLATES, FREE_FORM)}
    return {**found, HOLD_OUTS: case.row("hold-out change", HOLD_OUTS).figure.score}


def tell(outside: dict[str, Score], suite: dict[str, Score], named: float, folder: Path) -> None:
    """Print and keep both, and whether they agree; ``named`` is the other grader's top-1 on renderings."""
    weak = named < LEAST
    lines = [
        f"The other grader names {named:.3f} of the renderings{', too few to judge' if weak else ''}.",
        "",
        "| figure | the suite | from outside | apart |",
        "|---|---|---|---|",
    ]
    kept: dict[str, Any] = {}
    for group, score in outside.items():
        apart = abs(score.value - suite[group].value)
        agrees = "" if weak else "✓" if apart <= BAR else "✗"
        lines.append(f"| {group} | {suite[group]} | {score} | {apart:.3f} {agrees} |")
        kept[group] = {
            "suite": suite[group].to_data(),
            "outside": score.to_data(),
            "agree": None if weak else apart <= BAR,
        }
    print("\n".join(lines))
    write_json_atomic(folder / "agreement.json", {"bar": BAR, "other grader": named, "figures": kept})
    write_text_atomic(folder / "table.md", "\n".join(lines) + "\n")


def overpaint(*words: Any) -> None:
    """The command line, in a process of its own."""
    carried_out([sys.executable, "-m", "overpaint", *words])


def carried_out(command: Sequence[Any]) -> None:
    """Run a command, which says itself what is wrong; ends the program with its exit code if it fails."""
    if code := subprocess.run([str(word) for word in command]).returncode:
        raise SystemExit(code)


if __name__ == "__main__":
    script(main)
