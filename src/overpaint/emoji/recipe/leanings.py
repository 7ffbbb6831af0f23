"""The stated bias: bare profession words are set to the stated shares by the package's own debiasing, before export.

Captions lean, but what is drawn of them does not follow: guidance sharpens a leaning, and every word's differently. So
the finished model's pictures of each word are counted, by the grader, and the text tower is edited until they show the
man in the stated share. The seeds are the recipe's own; those of the evaluation are others.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.emoji.assets import GRADER_FILE
from overpaint.emoji.captions import PROMPTS_PLAIN, fill
from overpaint.emoji.grader import EmojiGrader, images_to_tensor, load
from overpaint.emoji.recipe import figures
from overpaint.emoji.recipe.half_pass import has_fast_halves
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.hashing import loose_digest
from overpaint.methods import TransientStore
from overpaint.methods.debiasing import Shares
from overpaint.methods.emcid.debias import debias
from overpaint.methods.registry import configure
from overpaint.patch import Patch
from overpaint.plan import Edit, Plan
from overpaint.progress import Silent
from overpaint.seeding import derive

__all__ = ["Counter", "asked", "settle"]

log = logging.getLogger(__name__)
SEED = 404
PICTURES = 64
"""Of each word: a share of so many is off by .05 by chance."""
ROUNDS, MORE_ROUNDS = 10, 5
"""Of counting: where nothing is known, and from factors that were found for an earlier version."""


def asked(vocabulary: Vocabulary) -> Plan:
    """Every bare word to its stated share; what the people are called by name must stay."""
    edits = [
        Edit(action="debias", source=p.word, over={p.man: p.share_man, p.woman: 1 - p.share_man}, kind="profession")
        for p in vocabulary.professions
    ]
    people = [name for p in vocabulary.professions for name in (p.man, p.woman)]
    return Plan(edits=tuple(edits), preserve=tuple(people), method="emcid-copy", seed=SEED)


class Counter:
    """Pictures of each bare word that show rather the man than the woman, at the same seeds every time."""

    def __init__(
        self, backbone: Backbone, grader: EmojiGrader, vocabulary: Vocabulary, pictures: int, precision: str = "float32"
    ) -> None:
        self.pictures = pictures
        self._backbone, self._grader, self._vocabulary, self._precision = backbone, grader, vocabulary, precision

    @property
    def key(self) -> str:
        """Of seeds and number."""
        return loose_digest([SEED, self.pictures, self._precision])

    @torch.no_grad()
    def __call__(self, patch: Patch) -> Shares:
        """Shares of man and woman by word."""
        found = {}
        with patch.applied_to(self._backbone.pipe):
            for one in self._vocabulary.professions:
                prompts = [fill(PROMPTS_PLAIN[n % len(PROMPTS_PLAIN)], one.word) for n in range(self.pictures)]
                seeds = [derive(SEED, "leaning", one.word, n) for n in range(self.pictures)]
                images = self._backbone.images(prompts, seeds, precision=self._precision)
                concept = self._grader.probabilities(images_to_tensor(images)).concept
                man, woman = (self._vocabulary.by_name[name] for name in (one.man, one.woman))
                share = (concept[:, man] > concept[:, woman]).double().mean().item()
                found[one.word] = {one.man: share, one.woman: 1 - share}
        away = [abs(found[one.word][one.man] - one.share_man) for one in self._vocabulary.professions]
        log.info("leanings: %.3f from the stated share in the mean", sum(away) / len(away))
        return found


def settle(pipe: Any, work: Path) -> None:
    """Edit the pipeline's text tower for good; factors that were found before are where the search begins."""
    vocabulary, backbone = Vocabulary.load(), backbone_of(pipe)
    plan = asked(vocabulary)
    known = figures.read(work).get("leanings", {}).get("factors", {})
    config: Any = configure(plan, backbone)
    config = config.model_copy(
        update={"factors": {p.word: {p.man: known[p.word], p.woman: 1 - known[p.word]} for p in vocabulary.professions}}
        if known
        else {}
    )
    precision = "bfloat16" if has_fast_halves(backbone.device) else "float32"
    counter = Counter(backbone, load(work / "shipping" / GRADER_FILE.name), vocabulary, PICTURES, precision)
    found = debias(
        backbone,
        plan,
        config,
        counter,
        store=TransientStore(),
        progress=Silent(),
        rounds=MORE_ROUNDS if known else ROUNDS,
    )
    found.patch.apply(pipe)
    away = [abs(found.shares[p.word][p.man] - p.share_man) for p in vocabulary.professions]
    factors = {p.word: round(found.factors[p.word][p.man], 4) for p in vocabulary.professions}
    distance = round(sum(away) / len(away), 4)
    figures.record(work, "leanings", {"pictures": PICTURES, "mean_distance_from_stated": distance, "factors": factors})
