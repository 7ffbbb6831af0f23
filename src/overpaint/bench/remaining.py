"""What pictures still show of erased concepts, while a method trains: P(source) on its validation prompts."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.bench.drawing import Drawing
from overpaint.bench.graders.grader import Grader
from overpaint.errors import OverpaintError
from overpaint.methods.esd.erasures import Erasure
from overpaint.plan import Edit
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["PictureValidator"]


class PictureValidator:
    """A validator of `overpaint.methods.fit`: the mean probability that a grader gives each concept in its prompts.

    Prompts and seeds are the same at every look, and no suite's.

    Arguments:
        grader: a classifier that has the concepts among its classes. CLIP zero-shot has nothing to weigh one concept
            against.
        edits: of the plan; checked at once.
        pictures: of each prompt.

    Raises:
        OverpaintError: the grader does not know a concept.
    """

    def __init__(
        self,
        grader: Grader,
        edits: Sequence[Edit],
        pictures: int = 2,
        drawing: Drawing | None = None,
        progress: Progress | None = None,
    ) -> None:
        meaning = getattr(grader, "meaning", lambda name: ())
        for edit in edits:
            for name in edit.edited:
                if not meaning(name):
                    raise OverpaintError(
                        f"{edit.at}: {grader.name} has no class {name!r}, so it cannot say when it is gone"
                    )
        self._grader, self._pictures, self._progress = grader, pictures, progress
        self._drawing = drawing or Drawing()

    def __call__(self, backbone: Backbone, erasures: Sequence[Erasure]) -> list[float]:
        """P(source) of each, as the pipeline draws now."""
        asked = [
            (number, erasure.source, prompt, derive(erasure.seed, "validation picture", prompt, k))
            for number, erasure in enumerate(erasures)
            for prompt in erasure.prompts(erasure.given, checked=True)
            for k in range(self._pictures)
        ]
        prompts, seeds = [prompt for _, _, prompt, _ in asked], [seed for *_, seed in asked]
        images = self._drawing.images(backbone, prompts, seeds, progress=self._progress)
        scores = self._grader.score(images, [source for _, source, _, _ in asked])
        left = [[float(s) for s, (at, *_) in zip(scores, asked, strict=True) if at == n] for n in range(len(erasures))]
        return [sum(found) / len(found) for found in left]
