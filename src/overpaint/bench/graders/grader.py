"""What every judge of pictures is to the suites: pictures and labels in, scores out.

A grader sees pictures and what was wanted of them, never a prompt's seed, a method or a patch.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from overpaint.bench.results import Judge

__all__ = ["Classifier", "Grader", "digest"]


class Grader(ABC):
    """A judge.

    Attributes:
        name: short, for tables.
        details: whatever its scores depend on: weights, versions, thresholds. Goes into every result file.
        unit: of its scores.
    """

    name: str
    unit: str = "probability"

    def __init__(self, details: Mapping[str, Any] | None = None) -> None:
        self.details = dict(details or {})

    @abstractmethod
    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Tensor:
        """Scores ``(n, k)`` float32 on the CPU of n pictures, each for its own k labels; NaN where one is unknown."""

    def score(self, images: Sequence[Image.Image], labels: Sequence[str]) -> Tensor:
        """Scores ``(n,)`` of pictures for one label each; NaN where the label is unknown."""
        return self.scores(images, [(label,) for label in labels])[:, 0]

    @property
    def judge(self) -> Judge:
        """How it appears in a result file."""
        return Judge(name=self.name, details=self.details)


class Classifier(Grader):
    """A grader with a fixed set of classes: the score of a label is the probability of all classes that it means."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """A name of every class, in class order."""

    @abstractmethod
    def probabilities(self, images: Sequence[Image.Image]) -> Tensor:
        """Probabilities ``(n, classes)`` on the CPU."""

    @abstractmethod
    def meaning(self, label: str) -> tuple[int, ...]:
        """The classes that a label stands for, none if it is unknown."""

    def scores(self, images: Sequence[Image.Image], labels: Sequence[Sequence[str]]) -> Tensor:
        """Sums ``(n, k)`` of the probabilities of what each label means; NaN where it is unknown."""
        return self.read(self.probabilities(images), labels)

    def predict(self, images: Sequence[Image.Image]) -> list[str]:
        """The likeliest class of each picture."""
        names = self.names
        return [names[index] for index in self.probabilities(images).argmax(dim=1).tolist()]

    def read(self, probabilities: Tensor, labels: Sequence[Sequence[str]]) -> Tensor:
        """Sums ``(n, k)`` out of probabilities ``(n, classes)``."""
        meanings = {label: self.meaning(label) for row in labels for label in row}
        nan = probabilities.new_tensor(float("nan"))
        rows = [
            torch.stack([row[list(meanings[label])].sum() if meanings[label] else nan for label in wanted])
            for row, wanted in zip(probabilities, labels, strict=True)
        ]
        return torch.stack(rows) if rows else probabilities.new_zeros(0, 0)


def digest(path: str | Path) -> str:
    """The first 16 hexadecimal digits of a weights file's sha256, for `Grader.details`."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
