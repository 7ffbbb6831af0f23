"""The model card of a patch, or of a model that it was applied to, where nothing was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import ModelCardData

from overpaint.errors import PlanError
from overpaint.patch import Patch
from overpaint.patch.provenance import summands
from overpaint.plan import Plan
from overpaint.plan.words import asked
from overpaint.report.limits import LIMITS
from overpaint.report.model_card import HUB_ID, MOST, escaped
from overpaint.report.page import environment

__all__ = ["patch_card"]

LISTED = 12
"""Parameters that are named."""


def patch_card(patch: Patch, *, whole: bool = False) -> str:
    """Markdown with the hub's metadata. ``whole``: of an edited model, not of the patch alone."""
    parts = summands(patch.provenance)
    bases = {str(part.get("model")) for part in parts if part.get("model")}
    base = bases.pop() if len(bases) == 1 else ""
    data = ModelCardData(
        base_model=base if HUB_ID.fullmatch(base) else None,
        library_name="diffusers",
        pipeline_tag="text-to-image",
        tags=["overpaint", "concept-editing"],
    )
    made = environment(autoescape=False)
    made.filters["md"] = escaped
    edits = [line for part in parts for line in _edits(part)]
    text = made.get_template("patch_card.md.j2").render(
        whole=whole,
        base=base,
        edits=edits[:MOST],
        more=max(len(edits) - MOST, 0),
        methods=sorted({str(part["method"]) for part in parts if part.get("method")}),
        names=list(patch.deltas)[:LISTED],
        unnamed=max(len(patch.deltas) - LISTED, 0),
        hash=patch.hash,
        size=f"{patch.size / 1e6:.1f}",
        scale=patch.provenance.get("scale"),
        limits=LIMITS,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{text}"


def _edits(provenance: Mapping[str, Any]) -> Iterator[str]:
    """What a patch was asked for, as far as it says so."""
    if isinstance(plan := provenance.get("plan"), dict):
        try:
            yield from (asked(edit) for edit in Plan.parse(plan, check_images=False).edits)
        except PlanError:
            return
    elif concept := provenance.get("concept"):
        yield f"{provenance.get('method', 'edit')}: {concept}"
