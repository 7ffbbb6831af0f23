"""The bundled judge of the emoji world: concept, drawing style and background."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from overpaint.bench.graders.grader import TOP_1, Classifier, digest, score
from overpaint.emoji.assets import GRADER_FILE
from overpaint.emoji.grader import EmojiGrader, Grades, images_to_tensor, load
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError

__all__ = ["BACKGROUND", "STYLE", "ConceptGrader", "Grades"]

ARTICLES = ("a ", "an ", "the ")
STYLE, BACKGROUND = "style:", "background:"
"""Labels that begin so are read from the head of that name: ``style:blob``, ``top-1:background:teal``."""


class ConceptGrader(Classifier):
    """The bundled classifier with the vocabulary's names, and all three of its heads."""

    name = "emoji grader"

    def __init__(self, network: EmojiGrader, vocabulary: Vocabulary, weights: str = "given") -> None:
        super().__init__({"weights": weights, "concepts": len(vocabulary)})
        self.network = network
        self.vocabulary = vocabulary

    @classmethod
    def load(cls, device: torch.device | str = "cpu") -> ConceptGrader:
        """The shipped one. Raises OverpaintError if this installation lacks it."""
        if not GRADER_FILE.is_file():
            raise OverpaintError(f"{GRADER_FILE}: the bundled grader is missing; install overpaint anew")
        return cls(load().to(device), Vocabulary.load(), digest(GRADER_FILE))

    @property
    def names(self) -> tuple[str, ...]:
        """All concepts in class order."""
        return tuple(concept.name for concept in self.vocabulary.concepts)

    def meaning(self, label: str) -> tuple[int, ...]:
        """The classes that a label stands for, none if it is unknown.

        A name or an alias means one concept, a bare profession word its man and its woman, a general word all its
        concepts. An article in front, case and runs of spaces do not count.
        """
        word = " ".join(label.casefold().split())
        found = self._classes(word)
        for article in ARTICLES:
            if not found and word.startswith(article):
                found = self._classes(word.removeprefix(article))
        return found

    def grade(self, images: Sequence[Image.Image]) -> Grades:
        """Probabilities of all classes of concept, style and background, on the CPU."""
        device = next(self.network.parameters()).device
        grades = self.network.probabilities(images_to_tensor(images).to(device))
        return Grades(*(head.cpu() for head in grades))

    def probabilities(self, images: Sequence[Image.Image]) -> Tensor:
        """Those of the concepts ``(n, concepts)``."""
        return self.grade(images).concept

    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Tensor:
        """Probabilities ``(n, k)``: of concepts, and of styles and backgrounds where a label asks for them."""
        grades = self.grade(images)
        found = self.read(grades.concept, labels)
        heads = ((STYLE, STYLE_WORDS, grades.style), (BACKGROUND, BACKGROUND_WORDS, grades.background))
        for row, wanted in enumerate(labels):
            for column, label in enumerate(wanted):
                asked = label.removeprefix(TOP_1)
                for prefix, words, head in heads:
                    if asked.startswith(prefix) and asked.removeprefix(prefix) in words:
                        found[row, column] = score(head[row], label, (words.index(asked.removeprefix(prefix)),))
        return found

    def probability(self, concept: Tensor, labels: Sequence[str]) -> Tensor:
        """P(label) ``(n,)`` of concept probabilities ``(n, concepts)``: the sum over what the label means."""
        return self.read(concept, [(label,) for label in labels]).reshape(-1)

    def _classes(self, word: str) -> tuple[int, ...]:
        words = self.vocabulary
        if (profession := words.by_profession.get(word)) is not None:
            return words.by_name[profession.man], words.by_name[profession.woman]
        for single in (words.by_name, words.by_alias):
            if word in single:
                return (single[word],)
        return words.by_general.get(word, ())
