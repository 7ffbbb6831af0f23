"""The closed-form methods under the names that plans use, with their published settings.

The bundled model has no published ones; what differs there stands in `EMOJI`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.families import Need
from overpaint.methods.closed_form import oce, rece, speed, uce
from overpaint.methods.closed_form.config import MapConfig, OceConfig, ReceConfig, SpeedConfig, UceConfig
from overpaint.methods.closed_form.debias import counts_of, debias
from overpaint.methods.closed_form.work import work_of
from overpaint.methods.method import Debias, Fit, Method
from overpaint.methods.origins import Origins, origins
from overpaint.plan import Plan

__all__ = ["EMOJI", "MACE_DOMAIN", "METHODS", "PRESETS", "defaults", "origins_of"]

_NOTHING_KEPT: Mapping[str, Any] = MappingProxyType({"fixed": (), "protect": 0.0, "preserve": 0.0})

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # the newer release's tokens and weights; the empty prompt is our addition
        "uce": {},
        # the first release, which made the paper's tables
        "uce-paper": {"tokens": "sequence", "fixed": (), "protect": None, "preserve": None},
        "time": {"tokens": "matching", "lambda": 0.1, **_NOTHING_KEPT},
        "rece": {
            "tokens": "all",
            "bare": True,
            "lambda": 0.1,
            "fixed": (),
            "protect": 0.1,
            "preserve": 0.1,
            "rounds": 1,
            "closeness": 0.1,
        },
        "speed": {"matrices": "v", "lambda": 1.0},
        "oce": {"lambda": 0.1},
        # its weight 1e-4 of a sum over all tokens of some 600,000 captions, as a weight of their mean
        "mace-cfr": {"tokens": "context", "lambda": 0.1, "moment": 4500.0, **_NOTHING_KEPT},
    }
)
"""What a method says for every family."""

EMOJI: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "uce": {"tokens": "sequence", "moment": 1000.0},
        "time": {"moment": 1000.0},
        "rece": {"moment": 1000.0},
    }
)
"""What a method says instead for the bundled model, chosen on its validation split.

Its denoiser reads most of what is to be drawn from the end of the prompt, where all of a sentence has gathered: last
tokens alone leave the concept, and ends that are moved take along every other sentence's, unless captions hold them.
"""

MACE_DOMAIN: Mapping[int, float] = MappingProxyType({1: 0.8, 5: 5.0, 10: 8.0, 100: 20.0})
"""By number of concepts from which it holds, the weight of MACE's domain prior: that of each token of preserved names.

Its release weighs captions' sum by 1e-4, and that of names of the domain by 8e3, 5e4, 8e4 and 2e5 times as much
(celebrities).
"""

_STRUCTURE = ("tokens", "matrices", "strength")
_RIDGE = (*_STRUCTURE, "moment")
_KEPT = ("fixed", "protect", "preserve")

PUBLISHED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "uce": ((*_RIDGE, "lambda", "preserve"), ("sd1", "sd2", "sdxl", "flux")),
        "uce-paper": ((*_RIDGE, "lambda", *_KEPT), ("sd1", "sd2")),
        "time": ((*_RIDGE, "lambda", *_KEPT), ("sd1",)),
        "rece": ((*_RIDGE, "lambda", *_KEPT, "bare", "rounds", "closeness"), ("sd1",)),
        "speed": (
            (*_STRUCTURE, "lambda", "threshold", "filter", "augment", "centres", "slack", "shared"),
            ("sd1",),
        ),
        # of its abstract nothing but the equation is known
        "oce": ((), ()),
        # its lambda is 0, or 10 to 1,000
        "mace-cfr": ((*_RIDGE, *_KEPT), ("sd1",)),
    }
)
"""By method, the settings whose defaults are the authors', and the families for which they published them."""


def origins_of(name: str, family: str) -> Origins:
    """Where the defaults come from."""
    names, families = PUBLISHED[name]
    return origins(family, names, *families).measuring(_own(name, family))


_EVERY = ("replace", "rectify", "erase", "erase to", "moderate", "moderate to")


def defaults(name: str, backbone: Backbone) -> dict[str, Any]:
    """Settings of a method on a model, to be overridden by a plan's."""
    return {**PRESETS[name], **_own(name, backbone.family)}


def _of_plan(name: str, backbone: Backbone, plan: Plan) -> dict[str, Any]:
    """MACE's prior of the domain, where the plan says what that is."""
    if name != "mace-cfr" or not plan.preserve:
        return {}
    concepts = sum(len(edit.edited) for edit in plan.edits)
    return {"preserve": MACE_DOMAIN[max(least for least in MACE_DOMAIN if least <= concepts)]}


def _own(name: str, family: str) -> Mapping[str, Any]:
    return EMOJI.get(name, {}) if family == "emoji" else {}


def _method(
    name: str,
    summary: str,
    paper: str,
    fit: Fit,
    config: type[BaseModel] = MapConfig,
    *,
    edits: str,
    actions: tuple[str, ...],
    cost: str = "a few text encodings, one solve for all concepts",
    needs: tuple[Need, ...] = (),
    debias: Debias | None = None,
) -> Method:
    return Method(
        name,
        summary,
        frozenset(needs),
        config,
        defaults,
        fit,
        work_of,
        actions=frozenset(actions),
        edits=edits,
        cost=cost,
        paper=paper,
        origins=origins_of,
        debias=debias,
        defaults_of_plan=_of_plan,
        counted=lambda config: sum(counts_of(config)),
    )


_KV = "layers that read text states (cross-attention's keys and values), by one map of these states"

METHODS: tuple[Method, ...] = (
    _method(
        "uce",
        "cross-attention, closed form: last tokens become the destination's, the empty prompt and preserved names stay",
        "Unified Concept Editing in Diffusion Models, arXiv 2308.14761",
        uce.fit,
        UceConfig,
        edits=_KV,
        actions=(*_EVERY, "debias"),
        debias=debias,
    ),
    _method(
        "uce-paper",
        "the same as first published: every token from the last of the name on",
        "Unified Concept Editing in Diffusion Models, arXiv 2308.14761",
        uce.fit,
        UceConfig,
        edits=_KV,
        actions=(*_EVERY, "debias"),
        debias=debias,
        needs=("a window of tokens",),
    ),
    _method(
        "time",
        "cross-attention, closed form: each token becomes its counterpart in a fuller prompt",
        "Editing Implicit Assumptions in Text-to-Image Diffusion Models, arXiv 2303.08084",
        uce.fit,
        edits=_KV,
        actions=("replace", "rectify"),
        needs=("a window of tokens",),
    ),
    _method(
        "rece",
        "UCE, and then the embeddings that would still bring a concept back",
        "Reliable and Efficient Concept Erasure of Text-to-Image Diffusion Models, arXiv 2407.12383",
        rece.fit,
        ReceConfig,
        edits=_KV,
        actions=_EVERY,
        needs=("a window of tokens",),
    ),
    _method(
        "speed",
        "cross-attention values, closed form in the null space of what is preserved",
        "SPEED: Scalable, Precise, and Efficient Concept Erasure for Diffusion Models, arXiv 2503.07392",
        speed.fit,
        SpeedConfig,
        edits="UNet: value matrices of cross-attention, a map of text states for each",
        cost="a few text encodings, one solve for each matrix",
        actions=_EVERY,
        needs=("cross-attention",),
    ),
    _method(
        "oce",
        "cross-attention, closed form: each matrix is turned from concepts to their anchors, norms and angles stay",
        "Orthogonal Concept Erasure for Diffusion Models, arXiv 2605.28902 (by its abstract)",
        oce.fit,
        OceConfig,
        edits="UNet: key and value matrices of cross-attention, each by itself",
        cost="a few text encodings, one decomposition for each matrix",
        actions=_EVERY,
    ),
    _method(
        "mace-cfr",
        "cross-attention, closed form: the words around a name forget it, captions stay; first stage of MACE alone",
        "MACE: Mass Concept Erasure in Diffusion Models, arXiv 2403.06135",
        uce.fit,
        edits=_KV,
        actions=_EVERY,
        needs=(
            "a window of tokens",
            "attention to tokens",
        ),
    ),
)
