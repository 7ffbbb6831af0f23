"""Whether phrases fit a model's text window."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.reading import Reader
from overpaint.errors import BackboneError

__all__ = ["fits", "misfits"]


def misfits(reader: Reader, templates: Sequence[str], phrase: str, at: str) -> list[str]:
    """What is wrong with a phrase in the first of the templates with which it does not fit the text window, if any."""
    try:
        for template in templates:
            reader.locate(template, phrase)
    except BackboneError as error:
        return [f"{at}: {error}"]
    return []


def fits(reader: Reader, phrase: str, *templates: str) -> bool:
    """Whether a phrase fits the text window in every template."""
    return not misfits(reader, templates, phrase, "")
