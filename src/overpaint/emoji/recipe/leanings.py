"""The stated bias: bare profession words are set to the stated shares by the package's own debiasing, before export.

Captions lean, but what is drawn of them does not follow: guidance sharpens a leaning, and every word's differently. So
the finished model's pictures of each word are counted, by the grader, and the text tower is edited until they show the
man in the stated share. The seeds are those of searches; those of the evaluation are others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.precision import fast_precision
from overpaint.bench.drawing import Drawing
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.bench.shares import ShareCounter
from overpaint.emoji.assets import GRADER_FILE
from overpaint.emoji.captions import PROMPTS_PLAIN
from overpaint.emoji.grader import load
from overpaint.emoji.recipe import figures
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.methods import fit
from overpaint.plan import Edit, Plan

__all__ = ["asked", "settle"]

log = logging.getLogger(__name__)
SEED = 404
PICTURES = 64
"""Of each word: a share of so many is off by .05 by chance."""


def asked(vocabulary: Vocabulary, factors: Mapping[str, float] | None = None) -> Plan:
    """Every bare word to its stated share; what the people are called by name must stay.

    ``factors``: the man's, by word, where the search begins; None: at the stated shares.
    """
    edits = [
        Edit(action="debias", source=p.word, over={p.man: p.share_man, p.woman: 1 - p.share_man}, kind="profession")
        for p in vocabulary.professions
    ]
    people = [name for p in vocabulary.professions for name in (p.man, p.woman)]
    settings: dict[str, Any] = {"count_pictures": PICTURES}
    if factors is not None:
        pairs = {p.word: {p.man: factors[p.word], p.woman: 1 - factors[p.word]} for p in vocabulary.professions}
        settings["factors"] = pairs
    return Plan(edits=tuple(edits), preserve=tuple(people), method="emcid-copy", settings=settings, seed=SEED)


def settle(pipe: Any, work: Path) -> None:
    """Edit the pipeline's text tower for good; factors that were found before are where the search begins."""
    vocabulary, backbone = Vocabulary.load(), backbone_of(pipe)
    plan = asked(vocabulary, figures.read(work).get("leanings", {}).get("factors"))
    grader = ConceptGrader(load(work / "shipping" / GRADER_FILE.name).to(backbone.device), vocabulary)
    drawing = Drawing(precision=fast_precision(backbone.device, backbone.dtype))
    # counted in the prompts of the evaluation
    counted = [edit.model_copy(update={"prompts": PROMPTS_PLAIN}) for edit in plan.edits]
    patch: Any = fit(backbone, plan, counter=ShareCounter(backbone, grader, counted, SEED, drawing))
    patch.apply(pipe)
    shares, found = patch.provenance["debias"]["shares"], patch.provenance["settings"]["factors"]
    away = [abs(shares[p.word][p.man] - p.share_man) for p in vocabulary.professions]
    factors = {p.word: round(found[p.word][p.man], 4) for p in vocabulary.professions}
    distance = round(sum(away) / len(away), 4)
    log.info("leanings: %.3f from the stated share in the mean", distance)
    figures.record(work, "leanings", {"pictures": PICTURES, "mean_distance_from_stated": distance, "factors": factors})
