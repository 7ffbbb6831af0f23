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

__all__ = ["TOP_1", "Classifier", "Grader", "digest", "score"]


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


TOP_1 = "top-1:"
"""A label that begins so scores 1 where the likeliest class is one that the rest of the label means, else 0."""


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
        meanings = {label: self.meaning(label.removeprefix(TOP_1)) for row in labels for label in row}
        rows = [
            torch.stack([score(row, label, meanings[label]) for label in wanted])
            for row, wanted in zip(probabilities, labels, strict=True)
        ]
        return torch.stack(rows) if rows else probabilities.new_zeros(0, 0)


def score(row: Tensor, label: str, classes: tuple[int, ...]) -> Tensor:
    """The score of one label, out of the probabilities ``(classes,)`` of one picture."""
    if not classes:
        return row.new_tensor(float("nan"))
    if label.startswith(TOP_1):
        return row.new_tensor(float(int(row.argmax()) in classes))
    return row[list(classes)].sum()


def digest(path: str | Path) -> str:
    """The first 16 hexadecimal digits of a weights file's sha256, for `Grader.details`."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
