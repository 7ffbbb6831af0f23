"""What Concept Ablation learns a painter's style from: scenes in it beside the same scenes as anybody paints them.

As in the paper (arXiv 2303.13516, section 4), where the anchor of a style is "painting" and its prompts leave the
style's words out. The scenes are ours.
"""

from __future__ import annotations

__all__ = ["SCENES", "styled_scenes"]

SCENES: tuple[str, ...] = (
    "a harbour at dawn", "a village street in the rain", "a bowl of fruit on a table", "a woman reading by a window",
    "a windmill in a wheat field", "a stormy sea", "a bridge over a pond", "a crowded market square",
    "snow on mountain peaks", "a sleeping cat", "a vase of sunflowers", "horses at a river",
    "a cathedral in the evening light", "an old man with a hat", "a garden in spring", "a train station full of steam",
    "two dancers on a stage", "a lonely farmhouse", "a forest path in autumn", "boats on a lake by night",
)  # fmt: skip


def styled_scenes() -> dict[str, tuple[str, ...]]:
    """Prompts with a ``{}`` for the style, each with the same prompt without it."""
    return {f"a painting of {scene}, in the style of {{}}": (f"a painting of {scene}",) for scene in SCENES}
