"""EMCID under the three names that plans use."""

from __future__ import annotations

from overpaint.methods.emcid import fit as emcid
from overpaint.methods.emcid.config import EmcidConfig, defaults
from overpaint.methods.method import Method

__all__ = ["METHODS"]


def _emcid(name: str, summary: str) -> Method:
    return Method(
        name,
        summary,
        ("emoji", "sd1", "sd2"),
        EmcidConfig,
        lambda preset, backbone: defaults(preset, backbone.family, len(backbone.text.blocks)),
        emcid.fit,
    )


METHODS: tuple[Method, ...] = (
    _emcid("emcid", "text encoder, values by self-distillation, closed form over several blocks; our defaults"),
    _emcid("emcid-copy", "the same with values copied from the destination: no optimisation, seconds"),
    _emcid("emcid-paper", "the same as published (arXiv 2403.13807)"),
)
