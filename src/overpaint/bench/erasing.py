"""What erasures do to the bundled model, one at a time or several at once: does a concept go by every name it has?

A concept that is erased by name may come back from a prompt that means it and does not say so. So each is asked for in
templates that name it, by the aliases that the model was taught, and by the word for its category ("a fruit" is
sometimes a pear). Styles are told from pictures of many concepts that are to stay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

from overpaint.backbone.backbone import Backbone
from overpaint.bench.drawing import Drawing, grade
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.bench.probes import Measured, Probe, measure, of_holdout
from overpaint.bench.prompts import Prompt, chosen, plain
from overpaint.bench.report import Line, Report
from overpaint.bench.scores import mean
from overpaint.emoji.captions import PAPER_TEMPLATES, PROMPTS_PLAIN, fill
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.patch import Patch
from overpaint.plan import Edit
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["BARS", "Erased", "ErasureSuite", "erase_concepts", "erase_style"]

NAMED, ALIASES, CATEGORY, HOLD_OUTS = "templates", "taught aliases", "category word", "hold-outs"
GROUPS = (NAMED, ALIASES, CATEGORY)
STYLE_TEMPLATES = ("{} style", "in {} style", "an emoji in {} style")
BARS = {"esd-x": -0.03, "esd-u": -0.06}
"""Least change of hold-outs after one erasure, by method."""

Fit = Callable[[Sequence[Edit]], Patch]


@dataclass(frozen=True)
class ErasureSuite:
    """What is asked before and after.

    Attributes:
        repeats: pictures of each template; category: of the category word; concepts: drawn in a style.
    """

    seed: int = 0
    repeats: int = 4
    category: int = 12
    concepts: int = 100
    drawing: Drawing = field(default_factory=Drawing)

    def probes(self, vocabulary: Vocabulary, name: str) -> list[Probe]:
        """One concept by its name, its aliases and its category, graded for itself throughout."""
        concept = vocabulary.concepts[vocabulary.by_name[name]]
        asked = [(NAMED, fill(t, name), k) for t in PAPER_TEMPLATES for k in range(self.repeats)]
        asked += [(ALIASES, fill(PROMPTS_PLAIN[0], alias), k) for alias in concept.taught for k in range(self.repeats)]
        if concept.general is not None:
            asked += [(CATEGORY, fill(PROMPTS_PLAIN[0], concept.general), k) for k in range(self.category)]
        return [Probe(group, name, text, derive(self.seed, group, text, k), (name,)) for group, text, k in asked]


@dataclass(frozen=True)
class Erased:
    """P(source) by group and source before and after, and each erasure's relative change of the hold-outs."""

    before: Measured
    after: dict[str, dict[str, float]]
    holdouts: dict[str, float]


def erase_concepts(
    backbone: Backbone,
    grader: ConceptGrader,
    fit: Fit,
    names: Sequence[str],
    holdouts: Sequence[str],
    suite: ErasureSuite,
    *,
    together: bool = False,
    hold: float | None = None,
    title: str = "erasures",
    progress: Progress | None = None,
) -> tuple[Report, Erased]:
    """Erase concepts by patches of their own, or ``together`` by one, whose bars are relaxed by half.

    ``hold``: least relative change of the hold-outs' P(true).
    """
    vocabulary = grader.vocabulary
    held = [probe for name in holdouts for probe in of_holdout(HOLD_OUTS, name, PAPER_TEMPLATES[:1], suite.seed)]
    own = {name: suite.probes(vocabulary, name) for name in names}
    everything = [probe for probes in own.values() for probe in probes]
    before = measure(backbone, grader, everything + held, suite.drawing, progress, "drawing before")
    first = _mean(before, HOLD_OUTS)
    found: dict[str, dict[str, float]] = {group: {} for group in GROUPS}
    changes: dict[str, float] = {}
    for batch in [list(names)] if together else [[name] for name in names]:
        patch = fit([Edit(action="erase", source=name) for name in batch])
        probes = [probe for name in batch for probe in own[name]]
        with patch.applied_to(backbone.pipe):
            after = measure(backbone, grader, probes + held, suite.drawing, progress, "drawing after")
        for group in GROUPS:
            found[group] |= {name: values[0] for name, values in after.get(group, {}).items()}
        changes[", ".join(batch)] = _mean(after, HOLD_OUTS) / first - 1 if first else math.nan
    relaxed = 1.5 if together else 1.0
    lines = []
    for group in GROUPS:
        units = list(found[group])
        lines += [
            Line(f"{group}: P(source) before", mean([before[group][unit][0] for unit in units], suite.seed)),
            Line(
                f"{group}: P(source) left",
                mean([found[group][unit] for unit in units], suite.seed),
                0.05 * relaxed if group == NAMED else None,
                at_most=True,
            ),
        ]
    bar = None if hold is None else hold * relaxed
    lines.append(Line("hold-outs: relative change of P(true)", mean(list(changes.values()), suite.seed), bar))
    settings = asdict(suite) | {"together": together, "hold-outs": len(holdouts), "model": backbone.fingerprint}
    details = {
        "P(source) left": found,
        "P(source) before": {g: {u: values[0] for u, values in before.get(g, {}).items()} for g in GROUPS},
        "hold-outs": changes,
    }
    return Report(title, tuple(lines), settings, details), Erased(before, found, changes)


def erase_style(
    backbone: Backbone,
    grader: ConceptGrader,
    fit: Fit,
    style: str,
    suite: ErasureSuite,
    *,
    title: str = "style",
    progress: Progress | None = None,
) -> Report:
    """Erase one of the six styles: is it still drawn where it is named, and are concepts, in no style, still right?"""
    vocabulary = grader.vocabulary
    index = STYLE_WORDS.index(style)
    concepts = chosen(vocabulary, suite.concepts, suite.seed)
    styled = [
        Prompt(
            f"{fill(PROMPTS_PLAIN[0], name)} in {style} style", derive(suite.seed, "styled", name), name, i, style=index
        )
        for i in concepts
        for name in [vocabulary.concepts[i].name]
    ]
    prompts = [*styled, *plain(vocabulary, concepts, suite.seed)]
    texts, seeds = [p.text for p in prompts], [p.seed for p in prompts]
    right = [p.concept for p in prompts]

    def look(when: str) -> tuple[list[float], list[float], list[float]]:
        grades = grade(backbone, grader, texts, seeds, suite.drawing, progress, f"drawing {when}")
        styles = (grades.style.argmax(dim=1) == index).double().tolist()[: len(styled)]
        top = grades.concept.argmax(dim=1).tolist()
        hits = [float(a == b) for a, b in zip(top, right, strict=True)]
        return styles, hits[: len(styled)], hits[len(styled) :]

    before = look("before")
    patch = fit([Edit(action="erase", source=style, kind="style", prompts=STYLE_TEMPLATES)])
    with patch.applied_to(backbone.pipe):
        after = look("after")
    moved = [b - a for group in (1, 2) for a, b in zip(before[group], after[group], strict=True)]
    lines = (
        Line("style named: its accuracy before", mean(before[0], suite.seed)),
        Line("style named: its accuracy", mean(after[0], suite.seed), 0.1, at_most=True),
        Line("concepts, style named or not: accuracy before", mean([*before[1], *before[2]], suite.seed)),
        Line("concepts, style named or not: change of accuracy", mean(moved, suite.seed), -0.03),
    )
    return Report(title, lines, asdict(suite) | {"style": style, "model": backbone.fingerprint})


def _mean(measured: Measured, group: str) -> float:
    values = [labels[0] for labels in measured.get(group, {}).values()]
    return sum(values) / len(values) if values else math.nan
