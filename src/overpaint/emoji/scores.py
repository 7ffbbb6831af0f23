"""How well the bundled model knows each concept: what suites may ask for, and what methods may learn from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from overpaint.emoji.assets import SCORES_FILE
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.json_reading import from_json

__all__ = ["SCORES_FILE", "known", "read_scores"]


def read_scores(path: str | Path = SCORES_FILE) -> dict[str, float]:
    """The mean P(true) by concept in a scores file.

    Raises:
        OverpaintError: it is missing or is not such a file.
    """
    try:
        scores = from_json(Path(path).read_text(encoding="utf-8"))["concepts"]
        return {str(name): float(value) for name, value in scores.items()}
    except FileNotFoundError as error:
        raise OverpaintError(f"{path}: no scores; write them with overpaint bench model --write-scores") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise OverpaintError(f"{path}: no scores file; write one with overpaint bench model --write-scores") from error


def known(vocabulary: Vocabulary, scores: Mapping[str, float], least: float = 0.5) -> tuple[str, ...]:
    """The concepts with a mean P(true) of at least ``least``, in class order."""
    return tuple(concept.name for concept in vocabulary.concepts if scores.get(concept.name, 0.0) >= least)
