"""What prompts that say the style of something are to become, when that style is edited away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overpaint.backbone.reading import Reader
from overpaint.backbone.window import fits
from overpaint.methods.words.phrases import mentions

__all__ = ["STYLE", "fitting", "goals"]

STYLE = "style"
"""The kind of edits whose source is mostly met in company: "a cat in pixel style"."""


def goals(styled: Mapping[str, Sequence[str]], edited: Sequence[str], anchor: str | None) -> dict[str, str]:
    """The prompt that each is to become: with the anchor in it, or the first that names nothing ``edited``.

    ``styled``: prompts with ``{}`` for a style, each with what may be drawn instead; those without a goal are left out.
    """
    found = {}
    for template, instead in styled.items():
        fitting = (prompt for prompt in instead if not any(mentions(prompt, name) for name in edited))
        goal = next(fitting, None) if anchor is None else template.replace("{}", anchor)
        if goal is not None:
            found[template] = goal
    return found


def fitting(
    reader: Reader,
    styled: Mapping[str, Sequence[str]],
    names: Sequence[str],
    edited: Sequence[str],
    anchor: str | None,
) -> dict[str, str]:
    """Those of `goals` that fit the text window, with each of a style's ``names`` as without them."""
    return {
        template: goal
        for template, goal in goals(styled, edited, anchor).items()
        if all(fits(reader, name, template) for name in names) and fits(reader, goal, "{}")
    }
