"""What the bundled model's concepts are called in other languages. The model was taught none of these names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

__all__ = ["translations"]


def translations() -> Mapping[str, Mapping[str, str]]:
    """By concept and language a name, as emojibase has it; ``benchmarks/translations.py`` makes the table."""
    text = files("overpaint.emoji").joinpath("translations.json").read_text(encoding="utf-8")
    data = json.loads(text)
    languages = data["languages"]
    return {name: dict(zip(languages, row, strict=True)) for name, row in data["names"].items()}
