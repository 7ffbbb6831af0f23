"""Several methods on the same edits, the same hold-outs and the same seeds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from overpaint.backbone.backbone import Backbone
from overpaint.bench.edits import EditSuite, evaluate_before, evaluate_edits
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.bench.pairs import Selection
from overpaint.bench.report import Report
from overpaint.emoji.captions import corpus
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.methods import configure, fit
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["compare", "mentioned", "without"]

CAPTIONS = 8000


def compare(
    backbone: Backbone,
    grader: ConceptGrader,
    plans: Sequence[Plan],
    selection: Selection,
    suite: EditSuite | None = None,
    unmentioned: bool = False,
    progress: Progress | None = None,
) -> Iterator[Report]:
    """Fit plans that differ in method and settings alone, and judge each against one look at the unedited model.

    Hold-outs are never preserved. With ``unmentioned`` the captions of the second moments do not name them either;
    otherwise they are the bundled ones, which name nearly everything. The reports say how many are named.

    Raises:
        PlanError: a plan's method or settings are wrong; before anything is drawn.
    """
    counts = [getattr(configure(plan, backbone), "captions", CAPTIONS) for plan in plans]
    before = evaluate_before(backbone, grader, plans[0].edits, selection.holdouts, suite, progress)
    for plan, count in zip(plans, counts, strict=True):
        captions = corpus(grader.vocabulary, count, seed=0)
        if unmentioned:
            captions = without(grader.vocabulary, selection.holdouts, count)
        start = time.monotonic()
        patch = fit(backbone, plan, captions=captions, progress=progress)
        seconds = time.monotonic() - start
        report = evaluate_edits(backbone, patch, grader, before, progress, total=len(plan.edits))
        made = {
            "model": backbone.fingerprint,
            "method": plan.method,
            "settings": plan.settings,
            "seconds to fit": round(seconds, 1),
            "destinations": "of the source's subgroup" if selection.near else "any outside the source's subgroup",
            "captions": len(captions),
            "hold-outs named in the captions": len(mentioned(captions, selection.holdouts)),
        }
        title = f"{report.title} by {plan.method}, fitted in {seconds:.0f} s"
        yield replace(report, title=title, settings=report.settings | made)


def without(vocabulary: Vocabulary, names: Sequence[str], count: int) -> list[str]:
    """As many captions as `corpus` gives, of the same kind, but for those that name one of ``names`` or its aliases.

    Raises:
        ValueError: hardly any caption is left.
    """
    aliases = [alias for name in names for alias in vocabulary.concepts[vocabulary.by_name[name]].aliases]
    pattern = _pattern([*names, *aliases])
    for factor in (2, 8):
        kept = [text for text in corpus(vocabulary, factor * count, seed=0) if not pattern.search(text)]
        if len(kept) >= count:
            return kept[:count]
    raise ValueError("nearly every caption names a hold-out; hold out fewer")


def mentioned(captions: Sequence[str], names: Sequence[str]) -> set[str]:
    """Those of ``names`` that occur in the captions, as whole words and in no longer one of them."""
    pattern = _pattern(names)
    return {found for text in captions for found in pattern.findall(text)}


def _pattern(names: Sequence[str]) -> re.Pattern[str]:
    """Any of the names as whole words, the longest first; matches nothing if there are none."""
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)" if words else r"(?!)")
