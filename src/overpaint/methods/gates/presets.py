"""Gated edits under the name that plans use."""

from __future__ import annotations

from typing import Any

from overpaint.backbone.backbone import Backbone
from overpaint.emoji.styled import styled_pairs
from overpaint.methods.emcid.defaults import CONTEXTS
from overpaint.methods.gates import fit as gates
from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.gates.work import work_of
from overpaint.methods.method import Method
from overpaint.methods.origins import Origins

__all__ = ["METHODS", "defaults", "origins_of"]


def defaults(name: str, backbone: Backbone) -> dict[str, Any]:
    """The last block that the denoiser reads: what it knows of a prompt is all there. The bundled model's sentences."""
    found: dict[str, Any] = {"block": min(text.depth for text in backbone.text_encoders) - 1}
    if backbone.family == "emoji":
        found |= {"contexts": CONTEXTS, "styled": styled_pairs()}
    return found


def origins_of(name: str, family: str) -> Origins:
    """Nothing is published; the best of what was tried was found on the bundled model."""
    found = ("block", "opens", "full", "style_opens", "style_full", "styled")
    return Origins(measured=frozenset(found)) if family == "emoji" else Origins()


METHODS: tuple[Method, ...] = (
    Method(
        "gates",
        "text encoder, units that wake for one concept alone: a thousand edits, hold-outs as they were",
        frozenset({"feed-forward units"}),
        GatesConfig,
        defaults,
        gates.fit,
        work_of,
        actions=frozenset(("replace", "rectify", "erase", "erase to", "moderate", "moderate to")),
        edits="text encoders: two units of one feed-forward layer for each concept, eight for a style",
        cost="a few text encodings",
        paper="ours; neurons for single edits: T-Patcher, arXiv 2301.09785",
        origins=origins_of,
    ),
)
