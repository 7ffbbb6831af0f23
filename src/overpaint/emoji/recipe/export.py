"""Stage 8: everything that ships, in half precision: the diffusers folder, the grader and the CLIP's image side.

Before it is written, bare profession words are set to their stated shares (`leanings`).

Parameters are stored as fp16 and run as float32: transformers would keep the file's type and fail beside diffusers'
float32 parts, so the text encoder's configuration says ``"dtype": "float32"``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from overpaint.backbone.text import TextEncoder
from overpaint.emoji.assets import CLIP_FILE, GRADER_FILE, MODEL, TRAINING_FILE
from overpaint.emoji.recipe import autoencoder, leanings, text_tower
from overpaint.emoji.recipe import tokenizer as pieces
from overpaint.emoji.recipe.batches import noise_schedule
from overpaint.emoji.recipe.halving import halved
from overpaint.emoji.recipe.widen import concept_inputs, widen
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.files import replacing
from overpaint.folders import replacing_folder

__all__ = ["export", "pipeline"]

KEY_WIDTH = 3072


def pipeline(work: Path, key_width: int = KEY_WIDTH) -> StableDiffusionPipeline:
    """The stock pipeline of the work folder's parts, float32, the text tower's keys widened."""
    tower = text_tower.load(work)
    text = TextEncoder(tower, pieces.load(work))
    return StableDiffusionPipeline(
        vae=autoencoder.load(work),
        text_encoder=widen(tower, key_width, concept_inputs(text, Vocabulary.load())),
        tokenizer=pieces.load(work),
        unet=UNet2DConditionModel.from_pretrained(work / "unet"),
        scheduler=noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def export(work: Path, device: torch.device, model: Path = MODEL) -> None:
    """Write the shipped files; each old one is replaced only when the new one is whole."""
    pipe = pipeline(work).to(device)
    leanings.settle(pipe, work)
    pipe.register_modules(tokenizer=pieces.load(work))  # use leaves traces that would be saved
    with replacing_folder(model) as fresh:
        pipe.save_pretrained(fresh, safe_serialization=True)
        for file in fresh.rglob("*.safetensors"):
            save_file(halved(load_file(file)), file, metadata={"format": "pt"})
        config = fresh / "text_encoder" / "config.json"
        types = {"dtype": "float32", "torch_dtype": "float32"}
        config.write_text(json.dumps(json.loads(config.read_text()) | types, indent=2))
    for file in (GRADER_FILE, CLIP_FILE, TRAINING_FILE):
        with replacing(file) as temporary:
            shutil.copyfile(work / "shipping" / file.name, temporary)
