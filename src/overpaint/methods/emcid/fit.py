"""EMCID from plan to patch: missing memories are learned (Stage I), the weights derived from all of them (Stage II)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.text import TextEncoder
from overpaint.errors import OverpaintError
from overpaint.linear.ridge import alpha_weight
from overpaint.methods.captions import captions_for
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.held import placed
from overpaint.methods.emcid.learn import learn
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.emcid.penalties import penalties_of
from overpaint.methods.emcid.reached import held_back
from overpaint.methods.emcid.sites import edited, sites_of, weights_of
from overpaint.methods.emcid.spread import aim
from overpaint.methods.emcid.stage_two import Kept, stage_two
from overpaint.methods.emcid.targets import mixture
from overpaint.methods.emcid.tasks import Task, tasks_of, templates_of
from overpaint.methods.provenance import provenance_of
from overpaint.methods.store import MemoryStore
from overpaint.patch import Delta, Patch
from overpaint.patch.delta import smaller
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["concepts_of", "fit", "preserved"]

_log = logging.getLogger(__name__)


def fit(
    backbone: Backbone,
    plan: Plan,
    config: EmcidConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan. What is found in ``store`` is not computed again; everything new is put there.

    Edits whose values diverge are left out, and named in the log and in the patch's provenance (``diverged``), which
    also names those whose values stand before their phrase's last token (``early``), and says how far those come that
    come less than half of the way to their value (``held``; `reached`).

    Raises:
        PlanError: the plan does not fit the model; before any work starts.
        OverpaintError: no captions for a model that brings none, or every edit has diverged.
    """
    texts = edited(backbone, plan, config)
    tasks = tasks_of(texts, plan, config)
    weights = weights_of(texts, plan, config)
    sites = sites_of(backbone, plan, config)
    said = captions_for(backbone, config.captions, captions)
    tasks = placed(backbone, plan, config, sites, tasks, said, store, progress)
    concepts = _concepts(tasks)
    after = {name: blocks[-1] for name, blocks in sites.items()}
    memories = dict(zip(concepts, learn(backbone, concepts, config, after, store, progress), strict=True))
    tasks, diverged = _sound(plan, tasks, memories)
    values = torch.stack([_value(task, memories) for task in tasks])
    deltas: dict[str, Delta] = {}
    with progress.task("Stage II", total=sum(map(len, sites.values())), unit="block") as advance:
        for text, own in zip(texts, values.split([text.width for text in texts], dim=1), strict=True):
            blocks = sites[text.name]
            penalty_of = penalties_of(backbone, text, said, blocks, config.padding, store, progress)
            wanted = aim(text, tasks, own.to(text.device), blocks[-1], config.contexts, config.positions)
            changes = stage_two(
                text,
                wanted,
                blocks,
                penalty_of,
                alpha_weight(weights[text.name], config.alpha),
                residual=config.residual,
                kept=preserved(text, plan, config),
                steady=config.steady,
                advance=advance,
            )
            deltas |= {text.fc2_name(block): smaller(change) for block, change in changes.items()}
    chosen = sites if len(backbone.text_encoders) > 1 else sites[texts[0].name]
    resolved = config.model_copy(update={"blocks": chosen})
    early = [task.source for task in tasks if task.early]
    told = {name: sources for name, sources in (("diverged", diverged), ("early", early)) if sources}
    patch = Patch.made_on(backbone.pipe, deltas, provenance_of(backbone, plan, resolved, said, **told))
    held = held_back(backbone, patch, texts, tasks, values, after)
    return Patch(patch.deltas, patch.base, {**patch.provenance, "held": held}) if held else patch


def concepts_of(
    backbone: Backbone,
    plan: Plan,
    config: EmcidConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> tuple[list[Concept], dict[str, int]]:
    """The values that `fit` needs and, by text encoder, the block after which they act. Arguments and errors as there.

    Second moments are gathered only if they say where a value stands.
    """
    sites = sites_of(backbone, plan, config)
    tasks = tasks_of(edited(backbone, plan, config), plan, config)
    concepts = _concepts(placed(backbone, plan, config, sites, tasks, captions, store, progress))
    return concepts, {name: blocks[-1] for name, blocks in sites.items()}


def preserved(text: TextEncoder, plan: Plan, config: EmcidConfig) -> Kept | None:
    """Tokens to protect: all of the empty prompt (guidance subtracts it), and of the preserve list from the name on.

    The padding behind a preserved name counts as one token together: its keys are nearly alike.
    """
    rows: list[str] = []
    tokens: list[tuple[int, int, float]] = []
    if config.protect > 0:
        rows.append("")
        read = text.window if text.padded else text.locate_empty().end + 1
        tokens += [(0, position, config.protect) for position in range(read)]
    if config.preserve > 0:
        templates = templates_of(plan)
        for name in plan.preserve:
            for template in templates:
                found = text.locate(template, name)
                share = config.preserve / len(templates)
                tokens += [(len(rows), position, share) for position in range(found.start, found.end + 1)]
                behind = range(found.end + 1, text.window if text.padded else found.end + 1)
                tokens += [(len(rows), position, share / len(behind)) for position in behind]
                rows.append(found.prompt)
    if not tokens:
        return None
    row, position, weight = (torch.tensor(column, device=text.device) for column in zip(*tokens, strict=True))
    return Kept(text.tokenize(rows), row, position, weight)


def _sound(plan: Plan, tasks: Sequence[Task], memories: dict[Concept, Memory]) -> tuple[list[Task], list[str]]:
    """The tasks whose values are finite, and the sources of the others, which the log tells.

    Raises:
        OverpaintError: none is left.
    """
    sound, diverged = [], []
    for task in tasks:
        if all(memories[concept].finite for concept in task.concepts):
            sound.append(task)
        else:
            diverged.append(task.source)
            _log.warning("%s: the value of %r has diverged, the edit is left out", task.edit.at, task.source)
    if not sound:
        raise OverpaintError(
            f"{plan.at('edits')}: every value has diverged ({', '.join(map(repr, diverged[:3]))}...); take a lower"
            " rate or fewer steps, or check the model"
        )
    return sound, diverged


def _concepts(tasks: Sequence[Task]) -> list[Concept]:
    return list(dict.fromkeys(concept for task in tasks for concept in task.concepts))


def _value(task: Task, memories: dict[Concept, Memory]) -> Tensor:
    values = {str(i): memories[c].value for i, c in enumerate(task.concepts)}
    return mixture(values, {str(i): f for i, f in enumerate(task.factors)})
