"""A small world for the suites: a backbone that draws plain colours, and a grader with random weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from overpaint.bench.graders.emoji import ConceptGrader, Grades
from overpaint.emoji.grader import EmojiGrader
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.progress import Progress


def small_world() -> Vocabulary:
    """The vocabulary's professions and every twelfth concept."""
    whole = Vocabulary.load()
    shown = {name for profession in whole.professions for name in (profession.man, profession.woman)}
    kept = (c for i, c in enumerate(whole.concepts) if i % 12 == 0 or c.name in shown | {"pizza", "dog", "cat"})
    return Vocabulary(tuple(kept), whole.professions)


def random_grader(vocabulary: Vocabulary | None = None) -> ConceptGrader:
    """The grader's true network at random weights."""
    vocabulary = vocabulary or Vocabulary.load()
    torch.manual_seed(0)
    return ConceptGrader(EmojiGrader(len(vocabulary)).eval(), vocabulary)


class Painter:
    """Draws the concept that is named in a prompt (the longest name), as a picture whose colour is its class."""

    family = "painter"
    fingerprint = "painter"
    latent_shape = (16, 8, 8)
    device = torch.device("cpu")

    def __init__(self, vocabulary: Vocabulary, mistakes: dict[str, str] | None = None) -> None:
        self.vocabulary = vocabulary
        self.becomes: dict[str, str] = mistakes or {}
        self.pipe: Any = self
        self.asked: list[tuple[str, int]] = []

    guidance = 5.0
    """The denoiser is asked twice in a step."""

    def unconditional(self) -> None:
        """Nothing is read of a negative prompt."""

    def guided(self, _: object, guidance: float) -> tuple[None, float]:
        return None, guidance

    def scheduler(self, steps: int, _: object) -> SimpleNamespace:
        return SimpleNamespace(timesteps=range(steps))

    def images(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        steps: int = 20,
        guidance: float | None = None,
        progress: Progress | None = None,
        precision: str = "float32",
        batch: int | None = None,
    ) -> list[Image.Image]:
        self.asked += zip(prompts, seeds, strict=True)
        if progress is not None:
            with progress.task("drawing", total=len(prompts)) as advance:
                advance(len(prompts))
        return [self._picture(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]

    def _picture(self, prompt: str, seed: int) -> Image.Image:
        words = f" {prompt} "
        name = max((n for n in self._names() if f" {n} " in words), key=len, default="")
        name = self.becomes.get(name, name)
        concept = self._names().get(name, 0)
        if (profession := self.vocabulary.by_profession.get(name)) is not None:
            man = seed % 100 < 100 * profession.share_man
            concept = self.vocabulary.by_name[profession.man if man else profession.woman]
        style = next((i for i, w in enumerate(STYLE_WORDS) if f" {w} style" in words), 0)
        background = next((i for i, w in enumerate(BACKGROUND_WORDS) if f" {w} background" in words), 0)
        return Image.new("RGB", (64, 64), (concept % 256, concept // 256, 16 * style + background))

    def _names(self) -> dict[str, int]:
        words = self.vocabulary
        professions = dict.fromkeys(words.by_profession, 0)
        return {**words.by_alias, **words.by_name, **professions, **dict.fromkeys(self.becomes, 0)}


class Reader(ConceptGrader):
    """Reads the colours of `Painter`: sure of what it sees, with probability ``sure``."""

    def __init__(self, vocabulary: Vocabulary, sure: float = 0.9) -> None:
        super().__init__(EmojiGrader(len(vocabulary)).eval(), vocabulary)
        self.sure = sure

    def grade(self, images: Sequence[Image.Image]) -> Grades:
        pixels: list[Any] = [image.getpixel((0, 0)) for image in images]
        heads = (
            ([r + 256 * g for r, g, _ in pixels], len(self.vocabulary)),
            ([b // 16 for _, _, b in pixels], len(STYLE_WORDS)),
            ([b % 16 for _, _, b in pixels], len(BACKGROUND_WORDS)),
        )
        return Grades(*(self._sure(classes, width) for classes, width in heads))

    def _sure(self, classes: list[int], width: int) -> Tensor:
        rest = torch.full((len(classes), width), (1 - self.sure) / (width - 1))
        rest[torch.arange(len(classes)), classes] = self.sure
        return rest


class Swap:
    """A patch that makes a `Painter` draw other concepts."""

    def __init__(self, becomes: dict[str, str]) -> None:
        self.becomes = becomes
        self.hash = f"swap {sorted(becomes.items())}"

    @contextmanager
    def applied_to(self, pipe: Painter) -> Iterator[None]:
        pipe.becomes, before = {**pipe.becomes, **self.becomes}, pipe.becomes
        try:
            yield
        finally:
            pipe.becomes = before
