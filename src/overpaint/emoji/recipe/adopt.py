"""Going on from what ships: fills a new machine's work folder with the frozen parts, so that only the denoiser trains.

The autoencoder, tokenizer and text tower must stay the very ones that the shipped denoiser has learned with.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from diffusers import AutoencoderKL
from transformers import CLIPTextModel

from overpaint.emoji.assets import CLIP_FILE, GRADER_FILE, MODEL, TRAINING_FILE
from overpaint.emoji.recipe.widen import narrow

__all__ = ["adopt"]


def adopt(work: Path, model: Path = MODEL) -> Path | None:
    """Put the shipped frozen parts into ``work`` where it has none; returns the shipped denoiser's folder, if any."""
    if not (work / "autoencoder").exists():
        AutoencoderKL.from_pretrained(model / "vae").save_pretrained(work / "autoencoder")
    if not (work / "tokenizer").exists():
        shutil.copytree(model / "tokenizer", work / "tokenizer")
    if not (work / "text_encoder").exists():
        narrow(CLIPTextModel.from_pretrained(model / "text_encoder")).save_pretrained(work / "text_encoder")
    if not (work / "unet").exists() and (model / "unet").exists():
        shutil.copytree(model / "unet", work / "unet")
    (work / "shipping").mkdir(exist_ok=True)
    for file in (GRADER_FILE, CLIP_FILE, TRAINING_FILE):
        if file.exists() and not (work / "shipping" / file.name).exists():
            shutil.copyfile(file, work / "shipping" / file.name)
    return model / "unet" if (model / "unet").exists() else None
