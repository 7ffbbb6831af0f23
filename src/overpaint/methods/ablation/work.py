"""What Concept Ablation takes."""

from __future__ import annotations

from overpaint.backbone.backbone import Backbone
from overpaint.methods.ablation.ablations import ablations_of
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.ablation.embedding import own_tokens
from overpaint.methods.esd.selection import Variant, select
from overpaint.methods.esd.work import STATE, TRAINED
from overpaint.methods.training.updates import updates_of
from overpaint.methods.work import BACKWARD, SINGLE, Work, elements
from overpaint.plan import Plan

__all__ = ["work_of"]


def work_of(backbone: Backbone, plan: Plan, config: AblationConfig) -> Work:
    """Pictures of anchors and preserved names, and all updates. Raises PlanError as `fit` does."""
    ablations = ablations_of(backbone.text, plan, config)
    if config.parameters == "embedding":
        tokens = len(own_tokens(backbone, plan, ablations))
        parameters = tokens * backbone.text.width
        choosing = tokens * len(backbone.text.core.embeddings.token_embedding.weight)
    else:
        choosing = 0
        variant: Variant = "x-strict" if config.parameters == "cross" else "all"
        parameters = elements(slot.value for slot in select(backbone.denoiser, variant, backbone.denoiser_name))
    keeping = config.preserve > 0 and bool(plan.preserve)
    pictures = len(ablations) * config.images + (len(plan.preserve) * config.preserve_images if keeping else 0)
    rows = updates_of(len(ablations), config.steps, config.further) * config.batch
    trained = rows * (1 + (config.prior > 0) + keeping) * (1 + BACKWARD)
    asked = rows * ((config.objective == "model") + keeping)
    return Work(
        parameters=parameters,
        pictures=pictures,
        evaluations=pictures * config.image_steps * 2 + asked + trained,
        trained=trained,
        memory=TRAINED * SINGLE * parameters,
        disk=SINGLE * choosing + SINGLE * parameters * (1 + (STATE if config.checkpoint_every else 0)),
    )
