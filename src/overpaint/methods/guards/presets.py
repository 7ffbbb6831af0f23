"""Guards under the names that plans use."""

from __future__ import annotations

from overpaint.backbone.families import Need
from overpaint.methods.guards.config import CONFIGURATIONS, NegativeConfig, SafeConfig
from overpaint.methods.guards.fit import fit, work_of
from overpaint.methods.method import Method
from overpaint.methods.origins import origins

__all__ = ["METHODS"]

_NEEDS: frozenset[Need] = frozenset({"guidance"})
_ACTIONS = frozenset(("erase", "moderate"))


def _safe(name: str, configuration: str, summary: str) -> Method:
    return Method(
        name,
        summary,
        _NEEDS,
        SafeConfig,
        lambda _name, _backbone: dict(CONFIGURATIONS[configuration]),
        fit,
        work_of,
        actions=_ACTIONS,
        edits="nothing: acts while drawing",
        preserves=False,
        cost="none; drawing takes 1.5 times as long",
        paper="Safe Latent Diffusion, arXiv 2211.05105",
        origins=lambda _name, family: origins(family, CONFIGURATIONS[configuration], "sd1"),
    )


METHODS: tuple[Method, ...] = (
    _safe("sld", "medium", "guidance away from a concept where a prompt nears it; the medium configuration"),
    _safe("sld-weak", "weak", "the same, the mildest of the published configurations"),
    _safe("sld-strong", "strong", "the same, stronger"),
    _safe("sld-max", "max", "the same from the first step on, as strong as published"),
    Method(
        "negative",
        "the concept as the negative prompt",
        _NEEDS,
        NegativeConfig,
        lambda _name, _backbone: {},
        fit,
        work_of,
        actions=_ACTIONS,
        edits="nothing: acts while drawing",
        preserves=False,
        cost="none",
        paper="a baseline of ESD, arXiv 2303.07345",
        origins=lambda _name, family: origins(family, ("concept",), "sd1"),
    ),
)
