"""Stage 6: the grader, on rendered pictures alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from overpaint.emoji.assets import GRADER_FILE
from overpaint.emoji.grader import WIDTHS, EmojiGrader
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import figures
from overpaint.emoji.recipe.autoencoder import to_tensor
from overpaint.emoji.recipe.halving import halved
from overpaint.emoji.recipe.naming import learn_to_name
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.files import replacing

__all__ = ["accuracy", "train"]

SEED = 404
STYLE_WEIGHT = 1.0


def train(work: Path, steps: int, device: torch.device) -> EmojiGrader:
    """Train (or go on training) the grader and save it in fp16 to ``<work>/shipping``."""
    model, seen = learn_to_name(work, "grader", steps, SEED, WIDTHS, STYLE_WEIGHT, device)
    model.cpu()
    with replacing(work / "shipping" / GRADER_FILE.name) as temporary:
        save_file(halved(model.state_dict()), temporary)
    figures.record(work, "grader", {"pictures": seen, "top1_of_clean_pictures": accuracy(model, Pictures.load(work))})
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
