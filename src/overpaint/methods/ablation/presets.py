"""Concept Ablation under the names that plans use."""

from __future__ import annotations

from overpaint.methods.ablation.config import AblationConfig, defaults, defaults_of_plan, origins_of
from overpaint.methods.ablation.fit import fit
from overpaint.methods.ablation.work import work_of
from overpaint.methods.method import Method

__all__ = ["METHODS"]


def _ablation(name: str, summary: str) -> Method:
    return Method(
        name,
        summary,
        frozenset({"cross-attention"}),
        AblationConfig,
        lambda preset, backbone: defaults(preset, backbone.family),
        fit,
        work_of,
        actions=frozenset(("replace", "rectify", "erase", "erase to", "moderate", "moderate to")),
        edits="denoiser: cross-attention keys and values, or all of it; or token embeddings",
        cost="many pictures of the anchor, a hundred gradient steps",
        paper="Concept Ablation, arXiv 2303.13516",
        origins=origins_of,
        defaults_of_plan=lambda preset, backbone, plan: defaults_of_plan(backbone.family, plan),
    )


METHODS: tuple[Method, ...] = (
    _ablation("ablation", "fine-tunes until a concept is predicted as its anchor is (model-based)"),
    _ablation("ablation-noise", "the same on the anchor's pictures under the concept's name (noise-based)"),
)
