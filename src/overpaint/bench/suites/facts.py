"""What RoAD and TIMED share: one fact edited at a time, five prompts that should change and five that should not.

A picture is asked which of two texts it shows rather, by CLIP (ViT-bigG/14). Efficacy: the edit's own prompt;
generality: five prompts that imply the fact; specificity: five that only look like it. The oracle is the unedited model
asked for the new fact outright.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from overpaint.bench.metrics.wins import f1, win_rate
from overpaint.bench.probes import Probe
from overpaint.bench.results import Row
from overpaint.bench.suites.protocol import Asked, compared
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.plan import Edit

__all__ = ["EFFICACY", "GENERALITY", "ORACLE", "SEEDS", "SPECIFICITY", "Fact", "facts_suite"]

EFFICACY, GENERALITY, SPECIFICITY, ORACLE = "efficacy", "generality", "specificity", "oracle"
SEEDS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Fact:
    """One row.

    Attributes:
        source, destination: what is edited into what.
        old, new: texts that the edit's own picture is graded by.
        oracle: the prompt that asks for the new fact outright.
        positives: (prompt, old text, new text) of each.
        negatives: (prompt, that text, the text with the new fact) of each.
    """

    source: str
    destination: str
    old: str
    new: str
    oracle: str
    positives: tuple[tuple[str, str, str], ...]
    negatives: tuple[tuple[str, str, str], ...]

    @property
    def edit(self) -> Edit:
        """The replacement."""
        return Edit(action="replace", source=self.source, destination=self.destination, kind="fact")

    def probes(self, seed: int) -> Iterator[Probe]:
        """Before and after; the label that should win comes first."""
        unit = f"{self.source} > {self.destination}"
        yield Probe(EFFICACY, unit, self.source, seed, (self.new, self.old), self.source)
        for prompt, old, new in self.positives:
            yield Probe(GENERALITY, unit, prompt, seed, (new, old), prompt)
        for prompt, itself, changed in self.negatives:
            yield Probe(SPECIFICITY, unit, prompt, seed, (itself, changed), prompt)


def facts_suite(
    name: str, title: str, facts: Sequence[Fact], asked: Asked, judges: Judges, seeds: Sequence[int]
) -> Suite:
    """One case: every fact by a patch of its own, at every seed; a given patch is judged on all facts at once."""
    parts = [
        Part(
            asked.plans([fact.edit], seed),
            tuple(fact.probes(seed)),
            (
                Probe(
                    ORACLE, f"{fact.source} > {fact.destination}", fact.oracle, seed, (fact.new, fact.old), fact.oracle
                ),
            ),
        )
        for fact in facts
        for seed in seeds
    ]
    rows = compared(name, _rows, None)
    spec = Spec(f"{asked.name}/{name}", name, 1, tuple(parts), rows, asked.method, holdouts=())
    return Suite(name, title, [spec], judges, settings=asked.described(facts=len(facts), seeds=list(seeds)))


def _rows(found: Findings) -> Iterator[Row]:
    sheet, judge = found.sheet, found.judges.name
    for group in (EFFICACY, GENERALITY, SPECIFICITY):
        yield win_rate(sheet, group, judge, group)
        before = win_rate(sheet, group, judge, f"{group} before", "before")
        yield before.model_copy(update={"better": "none"})
    for share in (0.75, 0.9):  # p(new) of two that add to 1 is above the share if it leads by 2 share - 1
        yield win_rate(sheet, GENERALITY, judge, f"generality at {share}", margin=2 * share - 1)
    yield f1(sheet, GENERALITY, SPECIFICITY, judge)
    oracle = win_rate(sheet, ORACLE, judge, "efficacy of the oracle", "before")
    yield oracle.model_copy(update={"better": "none"})
