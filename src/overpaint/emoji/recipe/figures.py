"""What each stage measured, kept in one JSON file that ships with the weights as ``training.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from overpaint.emoji.assets import TRAINING_FILE
from overpaint.files import write_json_atomic

__all__ = ["read", "record", "shipped_samples"]


def read(work: Path) -> dict[str, dict[str, Any]]:
    """Figures of all stages so far, by stage."""
    path = work / "shipping" / "training.json"
    return json.loads(path.read_text()) if path.exists() else {}


def record(work: Path, stage: str, figures: dict[str, Any]) -> None:
    """Replace the figures of one stage."""
    write_json_atomic(work / "shipping" / "training.json", read(work) | {stage: figures})


def shipped_samples() -> int:
    """Image samples that the shipped denoiser has seen, to go on counting from."""
    if not TRAINING_FILE.exists():
        return 0
    return int(json.loads(TRAINING_FILE.read_text())["denoiser"]["samples"])
