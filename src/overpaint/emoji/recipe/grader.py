"""Stage 6: the grader, on rendered pictures alone.

Augmentation covers what generated pictures have and renders do not: shifts, turns, scales, blur, contrast, noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from overpaint.emoji.assets import GRADER_FILE
from overpaint.emoji.grader import EmojiGrader
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import figures
from overpaint.emoji.recipe.autoencoder import to_tensor
from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["accuracy", "augment", "train"]

SEED = 404
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


def train(work: Path, steps: int) -> EmojiGrader:
    """Train (or go on training) the grader and save it in fp16 to ``<work>/shipping``."""
    torch.manual_seed(SEED)
    pictures = Pictures.load(work)
    model = EmojiGrader(len(Vocabulary.load())).to(memory_format=torch.channels_last)
    colours = np.array(list(BACKGROUNDS.values()), dtype=np.uint8)
    optimizer = HybridMuon(model, lr=3e-3, plain=("stem", "concept", "style", "background"), weight_decay=0.05)

    def loss(step: int, random: StepRandom) -> tuple[Tensor, dict[str, float]]:
        rng = random.numpy
        index = rng.integers(len(pictures.concept), size=BATCH)
        background = np.where(rng.random(BATCH) < 0.5, 0, rng.integers(len(colours), size=BATCH))
        images = augment(to_tensor(composite(pictures.rgba[index], colours[background])), random)
        concept, style, colour = model(images.to(memory_format=torch.channels_last))
        truth = torch.from_numpy(pictures.concept[index].astype(np.int64))
        value = F.cross_entropy(concept, truth)
        value = value + 0.3 * F.cross_entropy(style, torch.from_numpy(pictures.style[index].astype(np.int64)))
        value = value + 0.3 * F.cross_entropy(colour, torch.from_numpy(background))
        return value, {"top1": (concept.argmax(1) == truth).float().mean().item()}

    stage = Stage("grader", model, optimizer, loss, steps, BATCH, lambda s: one_cycle(s, steps), SEED)
    run(stage, work)
    halved = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in model.state_dict().items()}
    (work / "shipping").mkdir(exist_ok=True)
    save_file(halved, work / "shipping" / GRADER_FILE.name)
    model.eval()
    clean = accuracy(model, pictures)
    figures.record(work, "grader", {"pictures": stage.done * BATCH, "top1_of_clean_pictures": clean})
    return model


def accuracy(model: EmojiGrader, pictures: Pictures) -> dict[str, float]:
    """Top-1 on clean pictures: concept and style on white, background on each colour in turn."""
    colours = np.array(list(BACKGROUNDS.values()), dtype=np.uint8)
    background = np.arange(len(pictures.concept)) % len(colours)
    white = model.probabilities(to_tensor(composite(pictures.rgba, colours[0])))
    coloured = model.probabilities(to_tensor(composite(pictures.rgba, colours[background])))

    def right(predicted: Tensor, truth: np.ndarray) -> float:
        return round(float((predicted.argmax(1).numpy() == truth).mean()), 4)

    return {
        "concept": right(white.concept, pictures.concept),
        "style": right(white.style, pictures.style),
        "concept, coloured": right(coloured.concept, pictures.concept),
        "background": right(coloured.background, background),
    }
