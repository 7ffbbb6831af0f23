"""From a plan to a guard: nothing is learned, so all there is to do is to check that the model can read it."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.errors import BackboneError, PlanError
from overpaint.guards import Guard, NegativePrompt, Rule, SafeGuidance
from overpaint.methods.guards.config import NegativeConfig, SafeConfig
from overpaint.methods.provenance import provenance_of
from overpaint.methods.store import MemoryStore
from overpaint.methods.work import Work
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["fit", "work_of"]


def fit(
    backbone: Backbone,
    plan: Plan,
    config: NegativeConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None,
) -> Guard:
    """The guard that avoids what the plan erases and moderates. Memories and captions are not needed.

    Raises:
        PlanError: the text window does not hold all of it; cut off, a part would be avoided without anybody's notice.
            Or the model is drawn without guidance, on which guards act.
    """
    return Guard(_rule(config, _concept(backbone, plan, config)), provenance_of(backbone, plan, config))


def work_of(backbone: Backbone, plan: Plan, config: NegativeConfig) -> Work:
    """Nothing is done before drawing. Raises PlanError as `fit`."""
    _concept(backbone, plan, config)
    return Work()


def _concept(backbone: Backbone, plan: Plan, config: NegativeConfig) -> str:
    """The text that is avoided. PlanError if a text encoder's window does not hold it, or no guard would ever act."""
    if not backbone.guidance:
        raise PlanError(
            f"{plan.at('method')}: {plan.method} acts on guidance, and this model is distilled to draw without; choose"
            " a method that edits weights"
        )
    concept = config.concept or ", ".join(name for edit in plan.edits for name in edit.edited)
    for text in backbone.text_encoders:
        try:
            text.locate("{}", concept)
        except BackboneError as error:
            if config.concept or len(plan.edits) == 1:
                where = plan.at("settings.concept") if config.concept else plan.edits[0].at
                raise PlanError(f"{where}: {error}") from None
            raise PlanError(
                f"{plan.edits[0].at}: the names of {len(plan.edits)} edits do not fit the model's text window of"
                f" {text.window} tokens together; make fewer, or say settings.concept, a few words for all of them"
            ) from None
    return concept


def _rule(config: NegativeConfig, concept: str) -> Rule:
    if isinstance(config, SafeConfig):
        return SafeGuidance(concept, **config.model_dump(exclude={"concept"}))
    return NegativePrompt(concept)
