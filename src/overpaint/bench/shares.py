"""What debiased concepts are drawn as: pictures counted by which destination they show."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict

import torch

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.drawing import Drawing, grade
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.emoji.captions import fill
from overpaint.errors import OverpaintError
from overpaint.guards import Change
from overpaint.plan import Edit
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["CALIBRATION", "ShareCounter", "countable"]

CALIBRATION = "calibration"
"""Label of the pictures that searches are guided by; figures are of other ones."""


class ShareCounter:
    """Draws each debiased source, in its prompts in turn, and counts the destinations: the likeliest one per picture.

    Seeds are the same every time, so that shares move with the factors and not with the noise.
    """

    def __init__(
        self,
        backbone: StableDiffusion,
        grader: ConceptGrader,
        edits: Sequence[Edit],
        pictures: int = 32,
        seed: int = 0,
        label: str = CALIBRATION,
        drawing: Drawing | None = None,
        progress: Progress | None = None,
        prompts: Sequence[str] | None = None,
    ) -> None:
        """Of the ``edits`` those that debias. ``prompts``: templates in place of the edits' own.

        Raises:
            OverpaintError: the grader does not know a destination.
        """
        self.pictures = pictures
        self._backbone, self._grader, self._progress = backbone, grader, progress
        self._drawing = drawing or Drawing()
        self._asked: list[tuple[str, str, int]] = []
        self._over: dict[str, tuple[str, ...]] = {}
        for edit in edits:
            if edit.over is None:
                continue
            unknown = [name for name in edit.over if not grader.meaning(name)]
            if unknown:
                raise OverpaintError(f"{edit.at}: the grader does not know {unknown[0]!r}, so nobody can count it")
            self._over[edit.source] = tuple(edit.over)
            templates = tuple(prompts or edit.prompts)
            for number in range(pictures):
                text = fill(templates[number % len(templates)], edit.source)
                self._asked.append((edit.source, text, derive(seed, label, edit.source, number)))

    @property
    def key(self) -> str:
        """Hash over prompts, seeds, sampler and judge."""
        content = [self._asked, self._over, asdict(self._drawing), dict(self._grader.details)]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def __call__(self, patch: Change | None) -> dict[str, dict[str, float]]:
        """Shares by source and destination; None is the unedited model."""
        return {
            source: {name: counts[name] / sum(counts.values()) for name in counts}
            for source, counts in self.counts(patch).items()
        }

    def counts(self, patch: Change | None) -> dict[str, dict[str, int]]:
        """Pictures by source and destination."""
        found = {source: dict.fromkeys(names, 0) for source, names in self._over.items()}
        for source, row in self._rows(patch):
            names = self._over[source]
            found[source][names[int(row.argmax())]] += 1
        return found

    def accuracy(self, patch: Change | None) -> dict[str, float]:
        """By source the mean probability that a picture shows any of the destinations."""
        sums: dict[str, float] = dict.fromkeys(self._over, 0.0)
        for source, row in self._rows(patch):
            sums[source] += float(row.sum()) / self.pictures
        return sums

    def _rows(self, patch: Change | None) -> list[tuple[str, torch.Tensor]]:
        """Each picture's source and the probabilities (k,) of its destinations."""
        with nullcontext() if patch is None else patch.applied_to(self._backbone.pipe):
            concept = grade(
                self._backbone,
                self._grader,
                [text for _, text, _ in self._asked],
                [seed for _, _, seed in self._asked],
                self._drawing,
                self._progress,
                "counting",
            ).concept
        read = self._grader.read
        return [
            (source, read(row[None], [self._over[source]])[0])
            for (source, _, _), row in zip(self._asked, concept, strict=True)
        ]


def countable(grader: ConceptGrader, edits: Sequence[Edit]) -> bool:
    """Whether anything is debiased, and the grader knows all of its destinations."""
    debiased: list[Mapping[str, float]] = [edit.over for edit in edits if edit.over is not None]
    return bool(debiased) and all(grader.meaning(name) for over in debiased for name in over)
