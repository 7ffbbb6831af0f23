"""Judges of pictures: they see images and what was wanted, never a prompt, a method or a patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from overpaint.emoji.grader import EmojiGrader, Grades, images_to_tensor, load
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["ConceptGrader", "Grader", "Grades"]

ARTICLES = ("a ", "an ", "the ")


class Grader(Protocol):
    """What the edits' table asks of a judge."""

    @property
    def names(self) -> tuple[str, ...]:
        """The labels that it tells apart."""
        ...

    def score(self, images: Sequence[Image.Image], labels: Sequence[str]) -> Tensor:
        """Probability ``(n,)`` that each picture shows its label; NaN where the label is unknown."""
        ...

    def predict(self, images: Sequence[Image.Image]) -> list[str]:
        """The likeliest label of each picture."""
        ...


class ConceptGrader:
    """The bundled classifier with the vocabulary's names: a `Grader`, and all three of its heads."""

    def __init__(self, network: EmojiGrader, vocabulary: Vocabulary) -> None:
        self.network = network
        self.vocabulary = vocabulary

    @classmethod
    def load(cls, device: torch.device | str = "cpu") -> ConceptGrader:
        """The shipped one."""
        return cls(load().to(device), Vocabulary.load())

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

    def probability(self, concept: Tensor, labels: Sequence[str]) -> Tensor:
        """P(label) ``(n,)`` of concept probabilities ``(n, concepts)``: the sum over what the label means."""
        nan = concept.new_tensor(float("nan"))
        rows = [row[list(classes)].sum() if classes else nan for row, classes in self._paired(concept, labels)]
        return torch.stack(rows) if rows else concept.new_zeros(0)

    def score(self, images: Sequence[Image.Image], labels: Sequence[str]) -> Tensor:
        """Probability ``(n,)`` that each picture shows its label; NaN where the label is unknown."""
        return self.probability(self.grade(images).concept, labels)

    def predict(self, images: Sequence[Image.Image]) -> list[str]:
        """The likeliest concept of each picture."""
        names = self.names
        return [names[index] for index in self.grade(images).concept.argmax(dim=1).tolist()]

    def _classes(self, word: str) -> tuple[int, ...]:
        words = self.vocabulary
        if (profession := words.by_profession.get(word)) is not None:
            return words.by_name[profession.man], words.by_name[profession.woman]
        for single in (words.by_name, words.by_alias):
            if word in single:
                return (single[word],)
        return words.by_general.get(word, ())

    def _paired(self, concept: Tensor, labels: Sequence[str]) -> list[tuple[Tensor, tuple[int, ...]]]:
        meanings = {label: self.meaning(label) for label in set(labels)}
        return [(row, meanings[label]) for row, label in zip(concept, labels, strict=True)]
