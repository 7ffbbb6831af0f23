"""ReFACT under the name that plans use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from overpaint.backbone.backbone import Backbone
from overpaint.methods.method import Method
from overpaint.methods.origins import Origins, origins
from overpaint.methods.refact import fit as refact
from overpaint.methods.refact.config import RefactConfig
from overpaint.methods.refact.work import work_of

__all__ = ["EMOJI", "METHODS", "defaults", "origins_of"]

PUBLISHED = ("block", "steps", "rate", "weight_decay", "clamp", "stop")


EMOJI: Mapping[str, Any] = MappingProxyType({"block": 2, "negatives": 1000, "stop": 1.0, "steps": 200})
"""What holds instead on the bundled model, chosen on ten replacements of its validation split.

A later block comes after the end of the prompt has read the concept. Its end states lie far apart, so that one is the
nearest of few long before it is near: more of them to be told from, and no early stop, bring it there.
"""


def defaults(name: str, backbone: Backbone) -> dict[str, Any]:
    """The block: the tenth of the published model's twelve (TIMED's facts; RoAD's take the eighth), elsewhere alike."""
    if backbone.family == "emoji":
        return dict(EMOJI)
    depth = len(backbone.text.blocks)
    return {"block": 9 if depth == 12 else round(0.75 * (depth - 1))}


def origins_of(name: str, family: str) -> Origins:
    """Where the defaults come from; the block was published for towers of twelve."""
    found = origins(family, PUBLISHED, "sd1")
    if family == "emoji":
        return found.measuring(EMOJI)
    return found if family == "sd1" else found.without(("block",))


METHODS: tuple[Method, ...] = (
    Method(
        "refact",
        "text encoder, values by contrast between texts, rank one in a single feed-forward layer",
        frozenset({"one text encoder"}),
        RefactConfig,
        defaults,
        refact.fit,
        work_of,
        actions=frozenset(("replace", "rectify", "erase", "erase to", "moderate", "moderate to")),
        edits="text encoder: feed-forward output matrix of one block",
        cost="up to 200 steps through the text encoder alone",
        paper="ReFACT: Updating Text-to-Image Models by Editing the Text Encoder, arXiv 2306.00738",
        origins=origins_of,
        preserves=False,
    ),
)
