"""A second judge of the emoji world, which nothing in the package has seen: another network, trained another way.

The bundled grader is a residual network on cosines. This one is a ConvMixer (Trockman and Kolter, arXiv 2201.09792):
patches of 4 pixels, large depthwise convolutions, free logits with smoothed labels. Its pictures are the recipe's
renderings on colours of its own, moved, scaled, blurred and with noise. It never sees a generated picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from overpaint.files import replacing

__all__ = ["ConvMixer", "accuracy", "grade", "train"]

WIDTH, DEPTH, PATCH, KERNEL = 112, 5, 4, 7
BATCH, RATE, DECAY, SMOOTHING = 128, 4e-3, 0.02, 0.1
WHITE = 0.5
"""Share of pictures on white; the others are on any colour."""


class ConvMixer(nn.Module):
    """Logits ``(n, classes)`` of pictures ``(n, 3, 64, 64)`` in [-1, 1]."""

    def __init__(self, classes: int, width: int = WIDTH, depth: int = DEPTH) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, PATCH, PATCH), nn.GELU(), nn.BatchNorm2d(width))
        self.places = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, KERNEL, padding="same", groups=width), nn.GELU(), nn.BatchNorm2d(width)
            )
            for _ in range(depth)
        )
        self.channels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 1), nn.GELU(), nn.BatchNorm2d(width)) for _ in range(depth)
        )
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        x = self.stem(images)
        for place, channel in zip(self.places, self.channels, strict=True):
            x = channel(x + place(x))
        return self.head(x.mean(dim=(2, 3)))


def train(
    rgba: np.ndarray, concept: np.ndarray, epochs: int, seed: int, file: Path, say: Callable[[str], None] = print
) -> ConvMixer:
    """Train on renderings ``(n, 64, 64, 4)`` uint8 with their classes ``(n,)``, or go on with what ``file`` holds."""
    torch.manual_seed(seed)
    classes = int(concept.max()) + 1
    model = ConvMixer(classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    steps = epochs * math.ceil(len(rgba) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.2)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    first = 0
    if file.is_file():
        kept = torch.load(file, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(kept[name])
        first = kept["epoch"]
    truth = torch.from_numpy(concept.astype(np.int64))
    for epoch in range(first, epochs):
        random = torch.Generator().manual_seed(seed * 1000 + epoch)
        model.train()
        total = 0.0
        for rows in torch.randperm(len(rgba), generator=random).split(BATCH):
            logits = model(augmented(torch.from_numpy(rgba[rows.numpy()]), random))
            loss = F.cross_entropy(logits, truth[rows], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        with replacing(file) as temporary:
            torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch + 1}, temporary)
        say(f"epoch {epoch + 1} of {epochs}: loss {total / len(rgba):.3f}")
    return model.eval().requires_grad_(False)


def augmented(rgba: Tensor, random: torch.Generator) -> Tensor:
    """Renderings ``(n, 64, 64, 4)`` uint8 as pictures ``(n, 3, 64, 64)``: on a colour, moved, blurred, noisy."""
    count = len(rgba)
    layers = rgba.permute(0, 3, 1, 2).float() / 255
    scale = 0.85 + 0.3 * torch.rand(count, generator=random)
    shift = 0.24 * torch.rand(count, 2, generator=random) - 0.12
    turn = 0.3 * torch.rand(count, generator=random) - 0.15
    rows = [torch.stack([turn.cos(), -turn.sin()], 1), torch.stack([turn.sin(), turn.cos()], 1)]
    matrix = torch.cat([torch.stack(rows, 1) / scale[:, None, None], shift[:, :, None]], dim=2)
    layers[:, :3] *= layers[:, 3:]  # a picture's edge must not take the colour of what is transparent
    layers = F.grid_sample(layers, F.affine_grid(matrix, list(layers.shape), align_corners=False), align_corners=False)
    colour = torch.rand(count, 3, 1, 1, generator=random)
    colour[torch.rand(count, generator=random) < WHITE] = 1.0
    images = layers[:, :3] + colour * (1 - layers[:, 3:])
    soft = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.rand(count, 1, 1, 1, generator=random)
    images = images + share * (soft - images)
    spread = 0.08 * torch.rand(count, 1, 1, 1, generator=random)
    images = images + spread * torch.randn(images.shape, generator=random)
    return 2 * images.clamp(0, 1) - 1


@torch.no_grad()
def grade(model: ConvMixer, images: Sequence[Image.Image]) -> Tensor:
    """Probabilities ``(n, classes)`` of 64x64 pictures."""
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])
    inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    return torch.cat([model(part).softmax(dim=1) for part in inputs.split(BATCH)])


def accuracy(model: ConvMixer, rgba: np.ndarray, concept: np.ndarray) -> float:
    """Top-1 on the renderings on white."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    white = np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    found = grade(model, [Image.fromarray(image) for image in white]).argmax(dim=1).numpy()
    return float((found == concept).mean())
