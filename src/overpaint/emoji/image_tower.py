"""A small residual network on 32x32 pictures: the image tower of the emoji CLIP and, wider, the grader's trunk."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["WIDTHS", "ImageTower"]

WIDTHS = (16, 48, 96, 192)


class _Block(nn.Module):
    """Two 3x3 convolutions beside a skip; halves the picture where ``stride`` is 2."""

    def __init__(self, inward: int, outward: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inward, outward, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outward)
        self.second = nn.Conv2d(outward, outward, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outward)
        same = stride == 1 and inward == outward
        self.skip = nn.Identity() if same else nn.Conv2d(inward, outward, 1, stride, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(states)))
        return F.relu(self.second_norm(self.second(inner)) + self.skip(states))


class ImageTower(nn.Module):
    """``(n, 3, 64, 64)`` images in [-1, 1] to ``(n, width)`` features.

    Args:
        width: length of the feature vector.
        widths: channels at 32, 16, 8 and 4 pixels.
    """

    def __init__(self, width: int, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 4, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.Sequential(
            _Block(widths[0], widths[0], 1),
            *(_Block(inward, outward, 2) for inward, outward in pairwise(widths)),
        )
        self.head = nn.Linear(2 * widths[-1], width)

    def forward(self, images: Tensor) -> Tensor:
        """Features, without a last non-linearity."""
        states = self.blocks(F.relu(self.stem_norm(self.stem(images))))
        # Mean and maximum: background colour is everywhere, a telling detail is in one place.
        return self.head(torch.cat([states.mean(dim=(2, 3)), states.amax(dim=(2, 3))], dim=1))
