"""Choices that are looked up anew whenever their page is turned to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

__all__ = ["refreshed"]


def refreshed(names: Sequence[str], chosen: Sequence[str] | None) -> Any:
    """What a dropdown of several choices becomes: the names that there are, chosen what was and is still there.

    What is chosen is left alone where it can be: an answer that says it would undo what was chosen while it was on its
    way, and would set off whoever listens to a change.
    """
    left = [name for name in chosen or [] if name in names]
    return gr.update(choices=list(names)) if left == list(chosen or []) else gr.update(choices=list(names), value=left)
