"""Settings of several methods whose texts have a slot, one ``{}``, for a concept."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from overpaint.plan.checks import template

__all__ = ["Contexts", "Styled"]


def _slotted(contexts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(template, contexts))


def _by_slotted(styled: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {template(prompt): instead for prompt, instead in styled.items()}


Contexts = Annotated[tuple[str, ...], AfterValidator(_slotted)]
"""Sentences in which concepts are met beside their templates."""
Styled = Annotated[dict[str, tuple[str, ...]], AfterValidator(_by_slotted)]
"""Prompts that say the style of something, each with what may be drawn instead."""
