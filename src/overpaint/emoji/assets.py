"""Where the bundled model's files are inside the installed package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CLIP_FILE", "GRADER_FILE", "MODEL", "SCORES_FILE", "TRAINING_FILE"]

MODEL = Path(__file__).parent / "model"
"""A diffusers folder: ``StableDiffusionPipeline.from_pretrained(MODEL)``."""

GRADER_FILE = Path(__file__).parent / "grader.safetensors"
CLIP_FILE = Path(__file__).parent / "clip.safetensors"

TRAINING_FILE = Path(__file__).parent / "training.json"
"""What every training stage measured."""

SCORES_FILE = Path(__file__).parent / "scores.json"
"""Mean P(true) of every concept under the shipped model, written by ``overpaint bench model --write-scores``."""
