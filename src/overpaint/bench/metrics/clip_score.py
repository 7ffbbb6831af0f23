"""CLIP score, 100 x cosine of picture and prompt, before and after, and its loss on a scale that has an end.

Unrelated pictures and prompts have a cosine too. The loss is therefore taken relative to what the unedited model's
pictures score above the prompts of *other* pictures: 0 is no loss, -1 a model whose pictures have nothing to do with
their prompts any more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from overpaint.bench.graders.clip import ClipEncoder
from overpaint.bench.pictures import Pictures
from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import change, mean
from overpaint.bench.sheet import Array, Pair, Sheet

__all__ = ["clip_loss", "clip_score", "clip_scores"]

BATCH = 64


def clip_score(sheet: Sheet, group: str, pictures: Pictures, encoder: ClipEncoder) -> list[Row]:
    """CLIP score before and after, over pictures."""
    pairs = sheet.both(group)
    before, after, _ = _columns(pairs, pictures, encoder)
    return [
        Row(
            metric=f"CLIP score {when}",
            group=group,
            figure=Figure.of(mean(values)),
            unit="100 x cosine",
            judge=encoder.name,
        )
        for when, values in (("before", before), ("after", after))
    ]


def clip_loss(sheet: Sheet, group: str, pictures: Pictures, encoder: ClipEncoder) -> Row:
    """(after - before) / (before - score of unrelated prompts), over pictures."""
    before, after, chance = _columns(sheet.both(group), pictures, encoder)
    return Row(
        metric="CLIP score, relative change above chance",
        group=group,
        figure=Figure.of(change(after - chance, before - chance)),
        better="zero",
        unit="relative",
        judge=encoder.name,
    )


def clip_scores(pictures: Pictures, encoder: ClipEncoder, keys: Sequence[str | None], prompts: Sequence[str]) -> Array:
    """Scores ``(n,)`` of pictures and prompts."""
    found: list[float] = []
    for start in range(0, len(keys), BATCH):
        part = slice(start, start + BATCH)
        images = pictures.read([key for key in keys[part] if key is not None])
        found += encoder.similarity(images, prompts[part]).tolist()
    return np.array(found, dtype=np.float64)


def _columns(pairs: Sequence[Pair], pictures: Pictures, encoder: ClipEncoder) -> tuple[Array, Array, Array]:
    """Before, after, and the mean score of the unedited pictures with prompts of others, ``(n,)`` each."""
    prompts = [pair.probe.prompt for pair in pairs]
    before = clip_scores(pictures, encoder, [pair.key_before for pair in pairs], prompts)
    after = clip_scores(pictures, encoder, [pair.key_after for pair in pairs], prompts)
    other = [_another(prompts, row) for row in range(len(prompts))]
    chance = clip_scores(pictures, encoder, [pair.key_before for pair in pairs], other)
    return before, after, np.full_like(before, chance.mean() if len(chance) else np.nan)


def _another(prompts: Sequence[str], row: int) -> str:
    """The prompt half a list away, or the next that differs: a fixed pairing, so that runs agree."""
    for step in range(len(prompts)):
        prompt = prompts[(row + len(prompts) // 2 + step) % len(prompts)]
        if prompt != prompts[row]:
            return prompt
    return ""
