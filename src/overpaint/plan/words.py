"""Edits in words, for people."""

from __future__ import annotations

from overpaint.plan.building import COMPANIONS
from overpaint.plan.edit import Edit

__all__ = ["asked"]


def asked(edit: Edit) -> str:
    """An edit in the words of a plan."""
    if edit.over is not None:
        return f"debias {edit.source} over " + ", ".join(f"{name} {share:g}" for name, share in edit.over.items())
    if edit.within:
        return f"{edit.action} {edit.source} from {edit.within}"
    becomes = (
        f" {COMPANIONS[edit.action]} {edit.destination}" if edit.destination else " as shown" if edit.images else ""
    )
    return f"{edit.action} {', '.join(edit.edited)}{becomes}"
