"""The grader: an image classifier for concept, drawing style and background, independent of the model it judges.

It was trained on rendered pictures with augmentation, never on generated ones, and shares no weights or features with
any part of the text-to-image model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from overpaint.emoji.assets import GRADER_FILE
from overpaint.emoji.image_tower import ImageTower
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["EmojiGrader", "Grades", "images_to_tensor", "load"]

FEATURES = 256
WIDTHS = (40, 80, 160, 256)
SCALE = 20.0


class Grades(NamedTuple):
    """Probabilities: concept ``(n, concepts)``, style ``(n, 6)``, background ``(n, 12)``."""

    concept: Tensor
    style: Tensor
    background: Tensor


def images_to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """64x64 pictures as ``(n, 3, 64, 64)`` float32 in [-1, 1]."""
    arrays = np.stack([np.asarray(image.convert("RGB")) for image in images])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2).float() / 127.5 - 1


class EmojiGrader(nn.Module):
    """Residual network whose features are compared with one direction per concept, style and background.

    Cosines instead of free products: with few pictures of each of 1,500 concepts they learn several times faster.

    Args:
        concepts: how many.
        widths: channels of the network, see `ImageTower`.
    """

    def __init__(self, concepts: int, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        self.tower = ImageTower(FEATURES, widths)
        self.concept = nn.Linear(FEATURES, concepts, bias=False)
        self.style = nn.Linear(FEATURES, len(STYLE_WORDS), bias=False)
        self.background = nn.Linear(FEATURES, len(BACKGROUND_WORDS), bias=False)

    def features(self, images: Tensor) -> Tensor:
        """``(n, 256)`` features of ``(n, 3, 64, 64)`` images in [-1, 1], for FID-like metrics."""
        return self.tower(images)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, concepts), (n, styles), (n, backgrounds) of images (n, 3, h, w): scaled cosines."""
        unit = F.normalize(self.tower(images), dim=1)
        concept, style, background = (
            SCALE * unit @ F.normalize(head.weight, dim=1).T for head in (self.concept, self.style, self.background)
        )
        return concept, style, background

    @torch.no_grad()
    def probabilities(self, images: Tensor, batch: int = 256) -> Grades:
        """Grade ``(n, 3, 64, 64)`` images in [-1, 1]."""
        parts = [[head.softmax(dim=-1) for head in self(chunk)] for chunk in images.split(batch)]
        return Grades(*(torch.cat(head) for head in zip(*parts, strict=True)))


def load(file: Path = GRADER_FILE) -> EmojiGrader:
    """The shipped grader, or that of another file, in float32, frozen."""
    model = EmojiGrader(len(Vocabulary.load()))
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(file).items()})
    return model.eval().requires_grad_(False)
