"""Learning to name pictures: concept, style and background of renders, never of generated pictures.

Augmentation covers what generated pictures have and renders do not: shifts, turns, scales, blur, contrast, noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from overpaint.backbone.precision import has_fast_halves
from overpaint.emoji.grader import EmojiGrader
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe.autoencoder import to_tensor
from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["BATCH", "augment", "learn_to_name"]

BATCH = 128


def augment(images: Tensor, random: StepRandom) -> Tensor:
    """Turn, scale, shift, blur, re-colour and add noise, each image by its own draw; ``(n, 3, 64, 64)`` in [-1, 1]."""
    count, generator = len(images), random.torch

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    angle, scale = uniform(-0.12, 0.12), uniform(0.92, 1.1)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    shift = torch.stack([uniform(-0.08, 0.08), uniform(-0.08, 0.08)], dim=1)
    matrix = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
    grid = F.affine_grid(torch.cat([matrix, shift[:, :, None]], dim=2), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(F.pad(moved, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = uniform(-0.2, 0.9).clamp(min=0).view(-1, 1, 1, 1)
    mixed = moved + share * (blurred - moved)
    gain, offset = uniform(0.88, 1.1).view(-1, 1, 1, 1), uniform(-0.06, 0.06).view(-1, 1, 1, 1)
    noise = torch.randn(mixed.shape, generator=generator) * uniform(0, 0.1).view(-1, 1, 1, 1)
    return (mixed * gain + offset + noise).clamp(-1, 1)


def learn_to_name(
    work: Path,
    name: str,
    steps: int,
    seed: int,
    widths: tuple[int, int, int, int],
    style_weight: float,
    device: torch.device,
) -> tuple[EmojiGrader, int]:
    """Train (or go on training) a classifier of these channels; returns it and how many pictures it has seen.

    Args:
        name: of the checkpoint in ``work``.
        style_weight: of the style's loss beside the concept's.
    """
    torch.manual_seed(seed)
    pictures = Pictures.load(work)
    model = EmojiGrader(len(Vocabulary.load()), widths).to(device, memory_format=torch.channels_last)
    colours = np.array(list(BACKGROUNDS.values()), dtype=np.uint8)
    fast = has_fast_halves(device)
    heads_and_stem = ("stem", "concept", "style", "background")
    optimizer = HybridMuon(model, lr=3e-3, plain=heads_and_stem, weight_decay=0.05, halves=fast)

    def loss(step: int, random: StepRandom) -> tuple[Tensor, dict[str, float]]:
        rng = random.numpy
        index = rng.integers(len(pictures), size=BATCH)
        background = np.where(rng.random(BATCH) < 0.4, 0, rng.integers(len(colours), size=BATCH))
        images = augment(to_tensor(composite(pictures.rgba[index], colours[background])), random)
        images = images.to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=fast):
            concept, style, colour = (logits.float() for logits in model(images))
        truth, drawn, behind = (
            torch.from_numpy(labels.astype(np.int64)).to(device)
            for labels in (pictures.concept[index], pictures.style[index], background)
        )
        aside = style_weight * F.cross_entropy(style, drawn) + 0.2 * F.cross_entropy(colour, behind)
        right = (concept.argmax(1) == truth).float().mean().item()
        right_style = (style.argmax(1) == drawn).float().mean().item()
        return F.cross_entropy(concept, truth) + aside, {"top1": right, "style": right_style}

    stage = Stage(name, model, optimizer, loss, steps, BATCH, lambda s: one_cycle(s, steps), seed)
    run(stage, work)
    return model.eval(), stage.done * BATCH
