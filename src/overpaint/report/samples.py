"""The pictures of a run's report: a few of every kind, drawn before and after at the seeds of the run's figures.

Figures are taken over many more pictures than are kept. These are drawn again, and kept under their content, so that a
run that was killed here goes on, and a run that is finished draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from overpaint.backbone.backbone import Backbone
from overpaint.bench.artist import Artist
from overpaint.bench.edits import HOLD_OUTS, EditSuite
from overpaint.bench.graders.grader import Grader
from overpaint.bench.metrics.neighbours import Neighbourhood
from overpaint.bench.pictures import Pictures
from overpaint.bench.probes import Probe, of_holdout, of_source
from overpaint.bench.prompts import some_templates
from overpaint.bench.results import Item
from overpaint.bench.sheet import Pair, grade
from overpaint.emoji.captions import FREE_FORM_TEST, PROMPTS_PLAIN, fill
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.plan import Edit, Plan
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["draw", "probes"]

EDITS, WORST, BESIDE = 6, 6, 4
LEAST = 4
"""Pictures of the edits' own prompts, if there are fewer edits."""


def probes(
    plan: Plan,
    suite: EditSuite,
    backbone: Backbone,
    vocabulary: Vocabulary | None = None,
    holdouts: Mapping[str, Mapping[str, float | None]] | None = None,
) -> list[Probe]:
    """What is drawn. Ask before a patch is applied: neighbours are found in the unedited text encoder.

    Arguments:
        suite: whose seeds and templates are used.
        vocabulary: where aliases and neighbours are known; elsewhere preserved concepts are shown.
        holdouts: by name P(true) before and after, of which the worst are shown.
    """
    edits = suite.drawn(plan.edits)[:EDITS]
    made = [probe for edit in edits for probe in _of_edit(edit, suite, max(1, LEAST // len(edits)))]
    if vocabulary is None:
        return made + [probe for name in plan.preserve[:BESIDE] for probe in _kept("preserved", name, suite)]
    for edit in edits:
        if edit.kind != "style":
            made += of_source("free form", edit, some_templates(FREE_FORM_TEST, 1, suite.seed, edit.source), suite.seed)
    made += list(_of_aliases(edits, plan, vocabulary, suite))[:BESIDE]
    free = [c.name for c in vocabulary.concepts if not _named(plan) & {c.name, *c.aliases}]
    near = Neighbourhood(backbone.text, free).nearest([edit.source for edit in edits[:BESIDE]])
    for name in dict.fromkeys(name for names in near.values() for name in names):
        made += _kept("neighbours", name, suite)
    lost = {name: (pair["after"] or 0.0) - (pair["before"] or 0.0) for name, pair in (holdouts or {}).items()}
    for name in sorted(lost, key=lambda name: (lost[name], name))[:WORST]:
        made += _kept(HOLD_OUTS, name, suite)
    return made


def draw(
    wanted: list[Probe],
    backbone: Backbone,
    change: Any,
    suite: EditSuite,
    folder: Path,
    grader: Grader | None = None,
    progress: Progress | None = None,
) -> tuple[Item, ...]:
    """Draw without and with the patch or guard, keep the pictures in ``folder``, and grade them.

    Raises:
        OverpaintError: the pipeline's safety checker is on.
    """
    pictures = Pictures(folder)
    artist = Artist.of(backbone, pictures, suite.drawing)
    first = artist.draw(wanted, progress, "pictures before")
    with artist.changed([change]) as changed:
        second = changed.draw(wanted, progress, "pictures after")
    seen = [grade(pictures, grader, wanted, keys, progress) for keys in (first, second)]
    pairs = zip(wanted, first, second, *seen, strict=True)
    return tuple(Pair(*pair).item() for pair in pairs)


def _of_edit(edit: Edit, suite: EditSuite, count: int) -> list[Probe]:
    """The first pictures of the edit's figures, in its templates by turns."""
    asked = of_source("templates", edit, edit.prompts, suite.seed, suite.repeats)
    turns = [asked[i :: suite.repeats] for i in range(suite.repeats)]  # every template once, then again
    return [probe for turn in turns for probe in turn][:count]


def _of_aliases(
    edits: tuple[Edit, ...] | list[Edit], plan: Plan, vocabulary: Vocabulary, suite: EditSuite
) -> Iterator[Probe]:
    """One taught alias of every source that has one, graded as the source is."""
    for edit in edits:
        index = vocabulary.by_name.get(edit.source)
        aliases = () if index is None else vocabulary.concepts[index].taught
        for alias in [name for name in aliases if name not in _named(plan)][:1]:
            labels = (edit.source, *edit.destinations)
            seed = derive(suite.seed, "alias", edit.key, alias)
            yield Probe("aliases", edit.key, fill(PROMPTS_PLAIN[0], alias), seed, labels, alias)


def _kept(group: str, name: str, suite: EditSuite) -> list[Probe]:
    return of_holdout(group, name, suite.templates[:1], suite.seed)


def _named(plan: Plan) -> set[str]:
    return {phrase for edit in plan.edits for phrase in edit.phrases}
