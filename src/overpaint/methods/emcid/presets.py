"""EMCID under the three names that plans use."""

from __future__ import annotations

from overpaint.backbone.families import Need
from overpaint.backbone.precision import fast_precision
from overpaint.methods.emcid import fit as emcid
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.debias import debias
from overpaint.methods.emcid.defaults import defaults, defaults_of_plan
from overpaint.methods.emcid.origins import origins_of
from overpaint.methods.emcid.work import work_of
from overpaint.methods.method import Method

__all__ = ["METHODS"]

_ACTIONS = frozenset(
    ("replace", "replace images", "rectify", "rectify images", "erase", "erase to", "moderate", "moderate to", "debias")
)


def _emcid(name: str, summary: str, cost: str, needs: tuple[Need, ...] = ()) -> Method:
    return Method(
        name,
        summary,
        frozenset(needs),
        EmcidConfig,
        lambda preset, backbone: defaults(
            preset,
            backbone.family,
            {text.name: text.depth for text in backbone.text_encoders},
            fast_precision(backbone.device, backbone.dtype),
        ),
        emcid.fit,
        work_of,
        actions=_ACTIONS,
        edits="text encoders: feed-forward output matrices of some blocks",
        cost=cost,
        paper="EMCID, arXiv 2403.13807",
        origins=origins_of,
        debias=debias,
        defaults_of_plan=lambda preset, backbone, plan: defaults_of_plan(preset, plan),
        counted=lambda config: config.count_rounds * config.count_pictures,
    )


METHODS: tuple[Method, ...] = (
    _emcid(
        "emcid",
        "text encoder, values from text states or by self-distillation, closed form over several blocks; our defaults",
        "40 to 200 steps for one vector",
    ),
    _emcid(
        "emcid-copy",
        "the same with values copied from the destination: no optimisation, seconds",
        "a few text encodings",
    ),
    _emcid(
        "emcid-paper",
        "the same as published (arXiv 2403.13807)",
        "200 steps for one vector",
        needs=("masked prompts",),
    ),
)
