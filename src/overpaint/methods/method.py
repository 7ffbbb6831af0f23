"""What a method is to those who call it: a name, its settings, and how it turns a plan into a patch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.families import FAMILIES, Need, obstacle
from overpaint.guards import Guard
from overpaint.methods.debiasing import Counter, Debiased
from overpaint.methods.origins import Origins
from overpaint.methods.store import MemoryStore
from overpaint.methods.work import Work
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["Debias", "Defaults", "Fit", "Method"]


class Fit(Protocol):
    """How a method is called."""

    def __call__(
        self,
        backbone: Backbone,
        plan: Plan,
        config: Any,
        *,
        store: MemoryStore,
        progress: Progress,
        captions: Sequence[str] | None,
    ) -> Patch | Guard:
        """Make the patch, or the guard of a method that acts while pictures are drawn."""
        ...


class Debias(Protocol):
    """How a method is called where shares can be counted."""

    def __call__(
        self,
        backbone: Backbone,
        plan: Plan,
        config: Any,
        counter: Counter,
        /,
        *,
        store: MemoryStore,
        progress: Progress,
        captions: Sequence[str] | None,
    ) -> Debiased:
        """Make the patch."""
        ...


class Defaults(Protocol):
    """How a method's defaults depend on the model."""

    def __call__(self, name: str, backbone: Backbone) -> dict[str, Any]:
        """Settings of the method of that name on this model, in the words of a plan."""
        ...


@dataclass(frozen=True)
class Method:
    """An editing method, or a preset of one, by the name that plans use.

    Attributes:
        name: as in a plan.
        summary: one line for `overpaint methods`.
        needs: what a model family must have for it (`overpaint.backbone.families`).
        config: pydantic model of its settings.
        defaults: settings on a given model before the plan's own.
        fit: plan to patch.
        work: what that takes, counted beforehand; raises PlanError for a plan that does not fit the model.
        actions: what it can be asked for, in the words of `Edit.needs`: ``erase``, ``erase to`` an anchor,
            ``erase from`` another concept, ``replace images``.
        edits: which weights it changes, in a few words.
        cost: what one concept takes, in a few words.
        paper: where it was published, or what it is a variant of.
        origins: name and model family to where its defaults there come from.
        debias: plan to patch in a closed loop, with shares that are counted; None: it has none.
        counted: pictures of each source that this draws at most, by the settings.
        preserves: whether a plan's preserve list does anything; where there is a setting ``preserve``, at a weight of 0
            it does not.
        defaults_of_plan: which of these settings are others on a model for a plan.
        validated: `fit` that also takes a ``validator``, who says what is left; None: the method does not ask.
    """

    name: str
    summary: str
    needs: frozenset[Need]
    config: type[BaseModel]
    defaults: Defaults
    fit: Fit
    work: Callable[[Backbone, Plan, Any], Work]
    _: KW_ONLY
    actions: frozenset[str]
    edits: str
    cost: str
    paper: str
    origins: Callable[[str, str], Origins] = lambda name, family: Origins()
    debias: Debias | None = None
    counted: Callable[[Any], int] = lambda config: 0
    preserves: bool = True
    defaults_of_plan: Callable[[str, Backbone, Plan], dict[str, Any]] = lambda name, backbone, plan: {}
    validated: Callable[..., Patch | Guard] | None = None

    @property
    def families(self) -> tuple[str, ...]:
        """Backbone families that it works on."""
        return tuple(name for name in FAMILIES if obstacle(self.needs, name) is None)
