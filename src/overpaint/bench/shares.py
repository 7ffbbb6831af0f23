"""What debiased concepts are drawn as: pictures counted by which destination they show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from overpaint.backbone.backbone import Backbone
from overpaint.bench.drawing import BATCH, Drawing
from overpaint.bench.graders.grader import Classifier, Grader
from overpaint.emoji.articles import with_article
from overpaint.emoji.captions import fill
from overpaint.errors import OverpaintError
from overpaint.guards import Change
from overpaint.hashing import loose_digest
from overpaint.plan import Edit
from overpaint.plan.templates import KINDS
from overpaint.progress import Inside, Progress, Silent
from overpaint.seeding import derive

__all__ = ["ShareCounter", "countable"]

CALIBRATION = "calibration"
"""In the seeds of the pictures that searches are guided by; figures are taken from other ones."""

_ARTICLE = re.compile(r"(an?|the)\b", re.IGNORECASE)
_AFTER_ARTICLE = re.compile(r"\b(an?|the) \{\}", re.IGNORECASE)


class ShareCounter:
    """Draws each debiased source, in its prompts in turn, and counts the destinations: the likeliest one per picture.

    Prompts are asked as people write them: "a photo of a pilot" where a plan has "a photo of {}" and names "pilot", and
    a name that makes up the whole prompt both ways. What has not the article can have quite other shares.

    A picture's number says its prompt and seed, so the same numbers give shares that move with the factors and not with
    the noise, and new numbers give a count that owes nothing to those before. How many are drawn is a method's setting
    (``count_pictures``).

    Any grader serves that tells a source's destinations apart: a classifier that has them among its classes, or CLIP
    zero-shot over them, as both papers count (arXiv 2403.13807, 2308.14761).
    """

    def __init__(
        self,
        backbone: Backbone,
        grader: Grader,
        edits: Sequence[Edit],
        seed: int = 0,
        drawing: Drawing | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Of the ``edits`` those that debias.

        Raises:
            OverpaintError: the grader does not know a destination.
        """
        self._backbone, self._grader, self._progress = backbone, grader, progress
        self._drawing = drawing or Drawing()
        self._seed = seed
        self._texts: dict[str, list[str]] = {}
        self._over: dict[str, tuple[str, ...]] = {}
        for edit in edits:
            if edit.over is None:
                continue
            if unknown := _unknown(grader, edit.over):
                raise OverpaintError(f"{edit.at}: {grader.name} does not know {unknown[0]!r}, so it cannot count it")
            self._over[edit.source] = tuple(edit.over)
            self._texts[edit.source] = _said(edit)

    @property
    def key(self) -> str:
        """Hash over prompts, seeds, sampler and judge."""
        judge = self._grader.name, dict(self._grader.details)
        content = [self._texts, self._seed, self._over, asdict(self._drawing), *judge]
        return loose_digest(content)

    def __call__(self, patch: Change, sources: Sequence[str], numbers: range) -> dict[str, dict[str, float]]:
        """Shares by source and destination, among the pictures of these numbers.

        Raises:
            ValueError: an empty range.
        """
        if not numbers:
            raise ValueError("no pictures to count")
        asked = self._asked([source for source in self._texts if source in sources], numbers)
        found = {source: dict.fromkeys(self._over[source], 0) for source in sources}
        task = (self._progress or Silent()).task("counting", total=len(asked), unit="image")
        with patch.applied_to(self._backbone.pipe), task as advance:
            for start in range(0, len(asked), BATCH):
                part = asked[start : start + BATCH]
                texts, seeds = [text for _, text, _ in part], [seed for _, _, seed in part]
                images = self._drawing.images(self._backbone, texts, seeds, progress=Inside(advance))
                for source in dict.fromkeys(source for source, _, _ in part):  # as many labels for each of them
                    shown = [image for image, (of, _, _) in zip(images, part, strict=True) if of == source]
                    for row in self._grader.scores(shown, [self._over[source]] * len(shown)):
                        found[source][self._over[source][int(row.argmax())]] += 1
        return {source: {name: n / len(numbers) for name, n in counts.items()} for source, counts in found.items()}

    def _asked(self, sources: Sequence[str], numbers: range) -> list[tuple[str, str, int]]:
        """Source, prompt and seed of each picture."""
        return [
            (source, texts[number % len(texts)], derive(self._seed, CALIBRATION, source, number))
            for source in sources
            for texts in [self._texts[source]]
            for number in numbers
        ]


def _said(edit: Edit) -> list[str]:
    name = edit.source
    bare = not KINDS[edit.kind].thing or _ARTICLE.match(name) is not None
    spoken = name if bare else with_article(name)
    texts = [fill(t, name) if _AFTER_ARTICLE.search(t) else t.replace("{}", spoken) for t in edit.prompts]
    return list(dict.fromkeys([*texts, *([name] if "{}" in edit.prompts else [])]))


def countable(grader: Grader, edits: Sequence[Edit]) -> bool:
    """Whether anything is debiased, and the grader knows all of its destinations."""
    debiased: list[Mapping[str, float]] = [edit.over for edit in edits if edit.over is not None]
    return bool(debiased) and not any(_unknown(grader, over) for over in debiased)


def _unknown(grader: Grader, names: Iterable[str]) -> list[str]:
    """Those that a grader with fixed classes has none for."""
    return [name for name in names if isinstance(grader, Classifier) and not grader.meaning(name)]
