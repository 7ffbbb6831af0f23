"""ESD's variants under the names that plans use."""

from __future__ import annotations

from overpaint.backbone.families import Need
from overpaint.backbone.precision import fast_precision
from overpaint.methods.esd import fit as esd
from overpaint.methods.esd.config import EsdConfig, defaults, defaults_of_plan, origins_of
from overpaint.methods.esd.work import work_of
from overpaint.methods.method import Method

__all__ = ["METHODS"]


def _esd(variant: str, summary: str, edits: str, needs: tuple[Need, ...] = ()) -> Method:
    return Method(
        f"esd-{variant}",
        summary,
        frozenset(needs),
        EsdConfig,
        lambda name, backbone: defaults(name, backbone.family, fast_precision(backbone.device, backbone.dtype)),
        esd.fit,
        work_of,
        actions=frozenset(("erase", "erase to", "erase from", "erase images", "moderate", "moderate to")),
        edits=f"denoiser: {edits}",
        cost="hundreds of gradient steps",
        paper="ESD, arXiv 2303.07345",
        origins=origins_of,
        validated=esd.fit,
        defaults_of_plan=lambda name, backbone, plan: defaults_of_plan(name, backbone.family, plan),
    )


METHODS: tuple[Method, ...] = (
    _esd("x", "fine-tunes away from a concept where text is read: for what prompts name, styles above all",
         "cross-attention"),
    _esd("x-strict", "the same on its keys and values alone: the smallest change", "cross-attention keys and values"),
    _esd("u", "fine-tunes all the rest: for what is drawn without being named", "everything but cross-attention",
         ("cross-attention",)),
    _esd("all", "fine-tunes both: the strongest, and the hardest on the rest", "all linear layers and convolutions",
         ("cross-attention",)),
    _esd("selfattn", "fine-tunes self-attention, the first release's fourth variant", "self-attention",
         ("cross-attention",)),
)  # fmt: skip
