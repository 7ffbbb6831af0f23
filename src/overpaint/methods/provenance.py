"""What methods note in their patches: how each was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from overpaint.backbone.backbone import Backbone
from overpaint.methods.store import digest
from overpaint.plan import Plan
from overpaint.provenance import Provenance

__all__ = ["provenance_of"]


def provenance_of(
    backbone: Backbone, plan: Plan, config: BaseModel, captions: Sequence[str] | None = None, **more: Any
) -> dict[str, Any]:
    """Model, method, settings, plan, and of captions their number and hash; ``more`` is what the method adds."""
    settings = config.model_dump(mode="json", by_alias=True)
    made = Provenance(plan.model, backbone.fingerprint, plan.method, settings, plan.seed).to_data()
    if captions is not None:
        more = {"captions": {"count": len(captions), "sha256": digest(list(captions))}, **more}
    return {**made, "plan": plan.to_data(), **more}
