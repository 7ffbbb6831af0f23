"""EMCID under the three names that plans use."""

from __future__ import annotations

from overpaint.methods.emcid import fit as emcid
from overpaint.methods.emcid.config import EmcidConfig, defaults
from overpaint.methods.emcid.debias import debias
from overpaint.methods.method import Method

__all__ = ["METHODS"]

_ACTIONS = frozenset(
    ("replace", "replace images", "rectify", "rectify images", "erase", "erase to", "moderate", "moderate to", "debias")
)


def _emcid(name: str, summary: str, cost: str) -> Method:
    return Method(
        name,
        summary,
        ("emoji", "sd1", "sd2"),
        EmcidConfig,
        lambda preset, backbone: defaults(preset, backbone.family, len(backbone.text.blocks)),
        emcid.fit,
        actions=_ACTIONS,
        edits="text encoder: feed-forward output matrices of some blocks",
        cost=cost,
        paper="EMCID, arXiv 2403.13807",
        debias=debias,
    )


METHODS: tuple[Method, ...] = (
    _emcid(
        "emcid",
        "text encoder, values by self-distillation, closed form over several blocks; our defaults",
        "40 to 200 steps for one vector",
    ),
    _emcid(
        "emcid-copy",
        "the same with values copied from the destination: no optimisation, seconds",
        "a few text encodings",
    ),
    _emcid("emcid-paper", "the same as published (arXiv 2403.13807)", "200 steps for one vector"),
)
