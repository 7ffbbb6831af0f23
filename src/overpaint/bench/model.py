"""How well the bundled model draws what it was taught: the bars that it has to pass before anybody edits it.

This is no suite of `overpaint.bench.suites`: those compare pictures before and after an edit, and their result files
and report cards rest on that (verdict by hold-outs, pairs of pictures, what was asked). Here is one state of the model,
without edits and hold-outs, and its tens of thousands of pictures are graded as they are drawn and not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.bench import prompts as asked
from overpaint.bench.drawing import Drawing, grade
from overpaint.bench.graders.emoji import ConceptGrader, Grades
from overpaint.bench.prompts import Prompt
from overpaint.bench.report import Line, Report
from overpaint.bench.scores import Score, mean
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.files import write_json_atomic
from overpaint.progress import Progress

__all__ = ["SUITES", "ModelSuite", "evaluate_model", "write_scores"]

SUITES = ("plain", "free form", "style", "background", "aliases", "professions")
KNOWN = 0.5
"""A concept counts as known from this mean P(true) on."""


@dataclass(frozen=True)
class ModelSuite:
    """What is asked, and how often.

    Attributes:
        concepts: how many concepts, drawn by seed; None is all of them.
        free_form: sentences per concept.
        per_profession: pictures per bare profession word; a share of 32 pictures has a standard error of 0.07.
        suites: which of `SUITES`.
    """

    seed: int = 0
    concepts: int | None = None
    free_form: int = 4
    per_profession: int = 32
    suites: tuple[str, ...] = SUITES
    drawing: Drawing = field(default_factory=Drawing)

    def prompts(self, suite: str, vocabulary: Vocabulary) -> list[Prompt]:
        """The prompts of one of `SUITES`."""
        concepts = asked.chosen(vocabulary, self.concepts, self.seed)
        makers: dict[str, Callable[[], list[Prompt]]] = {
            "plain": lambda: asked.plain(vocabulary, concepts, self.seed),
            "free form": lambda: asked.free_form(vocabulary, concepts, self.seed, self.free_form),
            "style": lambda: asked.styled(vocabulary, concepts, self.seed),
            "background": lambda: asked.coloured(vocabulary, concepts, self.seed),
            "aliases": lambda: asked.aliases(vocabulary, concepts, self.seed),
            "professions": lambda: asked.professions(vocabulary.professions, self.seed, self.per_profession),
        }
        return makers[suite]()


def evaluate_model(
    backbone: Backbone, grader: ConceptGrader, suite: ModelSuite | None = None, progress: Progress | None = None
) -> Report:
    """Draw every suite's prompts and grade them. Figures are means over concepts (or words), so each counts once."""
    suite = suite or ModelSuite()
    vocabulary = grader.vocabulary
    lines: list[Line] = []
    details: dict[str, Any] = {}
    for name in suite.suites:
        prompts = suite.prompts(name, vocabulary)
        grades = grade(
            backbone, grader, [p.text for p in prompts], [p.seed for p in prompts], suite.drawing, progress, name
        )
        lines += _READERS[name](prompts, grades, vocabulary, suite.seed, details)
    settings = asdict(suite) | {"model": backbone.fingerprint, "suites": list(suite.suites)}
    return Report("bundled model", tuple(lines), settings, details)


def write_scores(report: Report, path: str | Path) -> Path:
    """Write the mean P(true) of every concept that was drawn from plain prompts: what `pairs` chooses among.

    Raises:
        ValueError: the plain prompts were not drawn.
    """
    if "plain" not in report.details:
        raise ValueError("the report holds no plain prompts")
    drawing = report.settings["drawing"]
    return write_json_atomic(
        path,
        {
            "figure": "mean P(true) over the plain prompts, by the bundled grader",
            "model": report.settings["model"],
            "seed": report.settings["seed"],
            "steps": drawing["steps"],
            "guidance": drawing["guidance"],
            "precision": drawing["precision"],
            "concepts": {name: entry["P(true)"] for name, entry in report.details["plain"].items()},
        },
    )


def _by_unit(prompts: Sequence[Prompt], values: Tensor) -> dict[str, float]:
    """Means of values ``(n,)`` over each unit's prompts."""
    units: dict[str, list[float]] = {}
    for prompt, value in zip(prompts, values.tolist(), strict=True):
        units.setdefault(prompt.unit, []).append(value)
    return {unit: sum(found) / len(found) for unit, found in units.items()}


def _wanted(prompts: Sequence[Prompt], head: str) -> Tensor:
    return torch.tensor([getattr(prompt, head) for prompt in prompts], dtype=torch.long)


def _right(prompts: Sequence[Prompt], grades: Grades, head: str, seed: int) -> tuple[Score, Score, dict[str, Any]]:
    """Top-1, P(true) and both by unit for one head: "concept", "style" or "background"."""
    probabilities: Tensor = getattr(grades, head)
    wanted = _wanted(prompts, head)
    top = _by_unit(prompts, (probabilities.argmax(dim=1) == wanted).double())
    true = _by_unit(prompts, probabilities.double().gather(1, wanted[:, None])[:, 0])
    details = {unit: {"top-1": round(top[unit], 4), "P(true)": round(true[unit], 4)} for unit in top}
    return mean(list(top.values()), seed), mean(list(true.values()), seed), details


def _plain(
    prompts: Sequence[Prompt], grades: Grades, vocabulary: Vocabulary, seed: int, details: dict[str, Any]
) -> list[Line]:
    top, true, details["plain"] = _right(prompts, grades, "concept", seed)
    known = mean([entry["P(true)"] >= KNOWN for entry in details["plain"].values()], seed)
    size = len(vocabulary)  # of a sample of the concepts, the figure is the estimate for all
    known = replace(known, value=known.value * size, low=known.low * size, high=known.high * size)
    return [
        Line("plain prompts, top-1", top, 0.85),
        Line("plain prompts, P(true)", true),
        Line("concepts with P(true) >= 0.5", known, 1300),
    ]


def _reader(head: str, suite: str, *names: tuple[str, float | None]) -> Callable[..., list[Line]]:
    """The lines of a suite that is one head's top-1 and P(true)."""

    def read(
        prompts: Sequence[Prompt], grades: Grades, vocabulary: Vocabulary, seed: int, details: dict[str, Any]
    ) -> list[Line]:
        top, true, details[suite] = _right(prompts, grades, head, seed)
        return [Line(name, score, bar) for (name, bar), score in zip(names, (top, true), strict=False)]

    return read


def _professions(
    prompts: Sequence[Prompt], grades: Grades, vocabulary: Vocabulary, seed: int, details: dict[str, Any]
) -> list[Line]:
    """Share of pictures that show rather the man than the woman, against the stated share."""
    classes = {p.word: (vocabulary.by_name[p.man], vocabulary.by_name[p.woman]) for p in vocabulary.professions}
    pairs = torch.tensor([classes[prompt.unit] for prompt in prompts]).reshape(-1, 2)
    both = grades.concept.gather(1, pairs).double()
    men = _by_unit(prompts, (both[:, 0] > both[:, 1]).double())
    drawn = _by_unit(prompts, both.sum(dim=1))
    stated = {p.word: p.share_man for p in vocabulary.professions}
    away = {word: abs(share - stated[word]) for word, share in men.items()}
    details["professions"] = {
        word: {
            "stated share of men": stated[word],
            "drawn": round(men[word], 4),
            "P(man or woman)": round(drawn[word], 4),
        }
        for word in men
    }
    return [
        Line("gender bias, mean distance from the stated", mean(list(away.values()), seed), 0.1, at_most=True),
        Line("professions within 0.1 of the stated bias", mean([d <= 0.1 + 1e-9 for d in away.values()], seed)),
    ]


_READERS: dict[str, Callable[..., list[Line]]] = {
    "plain": _plain,
    "free form": _reader(
        "concept", "free form", ("free-form prompts, top-1", 0.80), ("free-form prompts, P(true)", None)
    ),
    "style": _reader("style", "style", ("style named in the prompt, top-1", 0.90)),
    "background": _reader("background", "background", ("background named in the prompt, top-1", 0.95)),
    "aliases": _reader("concept", "aliases", ("taught aliases, top-1", 0.75), ("taught aliases, P(true)", None)),
    "professions": _professions,
}
