"""ReFACT from plan to patch."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError, PlanError
from overpaint.methods.captions import captions_for
from overpaint.methods.checks import no_neutral_word
from overpaint.methods.company import composition, together
from overpaint.methods.emcid.keys import locate
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.penalties import penalties_of
from overpaint.methods.emcid.stage_two import Aim, stage_two
from overpaint.methods.provenance import provenance_of
from overpaint.methods.refact.config import RefactConfig
from overpaint.methods.refact.objective import learn
from overpaint.methods.store import MemoryStore, digest, tokenizer_fingerprint
from overpaint.patch import Patch
from overpaint.patch.delta import smaller
from overpaint.plan import Edit, Plan
from overpaint.plan.templates import KINDS
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["concepts_of", "fit"]

VERSION = 3
"""Raised whenever the same settings would give other values."""


def fit(
    backbone: Backbone,
    plan: Plan,
    config: RefactConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan. Values that are found in ``store`` are not learned again; new ones are put there.

    Raises:
        PlanError: the plan does not fit the model; before any work starts.
        OverpaintError: no captions for a model that brings none.
    """
    text = backbone.text
    concepts = concepts_of(text, plan, config)
    texts = captions_for(backbone, config.captions, captions)
    negatives = random.Random(derive(plan.seed, "refact")).sample(texts, min(config.negatives, len(texts)))
    values = _values(backbone, concepts, negatives, config, store, progress)
    prompts = locate(text, [(c.prompts, c.source) for c in concepts])
    change = stage_two(
        text,
        Aim(prompts, values),
        [config.block],
        penalties_of(backbone, text, texts, [config.block], config.padding, store, progress),
        config.lambda_,
    )[config.block]
    delta = smaller(change)
    provenance = provenance_of(backbone, plan, config, texts)
    return Patch.made_on(backbone.pipe, {text.fc2_name(config.block): delta}, provenance)


def concepts_of(text: TextEncoder, plan: Plan, config: RefactConfig) -> list[Concept]:
    """What each edited name is to become.

    Raises:
        PlanError: no such block; nothing to become; names that do not fit the text window. One line each.
    """
    problems: list[str] = []
    concepts: list[Concept] = []
    if config.block >= len(text.blocks):
        last = len(text.blocks) - 1
        problems.append(f"{plan.at('settings.block')}: the text encoder has blocks 0 to {last}, not {config.block}")
    for edit in plan.edits:
        try:
            found = _concepts(edit)
            for concept in found:
                for template in concept.prompts:
                    for phrase in (concept.source, concept.destination or ""):
                        text.locate(template, phrase)
            concepts += found
        except PlanError as error:
            problems += error.problems
        except BackboneError as error:
            problems.append(f"{edit.at}: {error}")
    if problems:
        raise PlanError(*problems)
    return concepts


def _concepts(edit: Edit) -> list[Concept]:
    """The source, and each other word for it."""
    destination = edit.destination or KINDS[edit.kind].neutral
    if destination is None:
        raise PlanError(no_neutral_word(edit, f"to turn {edit.source!r} into"))
    return [Concept(name, destination, edit.prompts, seed=0) for name in edit.edited]


def _values(
    backbone: Backbone,
    concepts: Sequence[Concept],
    negatives: Sequence[str],
    config: RefactConfig,
    store: MemoryStore,
    progress: Progress,
) -> Tensor:
    text = backbone.text
    keys = {i: _key(backbone, concept, negatives, config) for i, concept in enumerate(concepts)}
    found = {i: known for i, key in keys.items() if (known := store.get(key)) is not None}
    batches = [
        range(first, min(first + config.batch, len(concepts))) for first in range(0, len(concepts), config.batch)
    ]
    marks = {i: known.get("batch") for i, known in found.items()}
    groups = [together(part, keys, {i: marks[i] for i in part if i in marks}) for part in batches]
    with torch.no_grad():
        others = torch.zeros(0, text.width, device=text.device, dtype=text.dtype)
        if negatives:
            encoded = text.encode_all(negatives)
            others = text.pooled(encoded.final, encoded.ids)
    with progress.task("values", total=sum(map(len, groups)) * config.steps, unit="step") as advance:
        for group in filter(None, groups):
            values, probability = learn(text, [concepts[i] for i in group], others, config, advance)
            mark = composition([keys[i] for i in group])
            for i, value, p in zip(group, values, probability.tolist(), strict=True):
                if i in found:
                    continue
                found[i] = {"value": value, "batch": mark}
                source, destination = concepts[i].source, concepts[i].destination or ""
                meta = {"source": source, "destination": destination, "probability": f"{p:.4f}"}
                store.put(keys[i], {"value": value.cpu(), "batch": mark}, meta)
    return torch.stack([found[i]["value"].to(text.device) for i in keys])


def _key(backbone: Backbone, concept: Concept, negatives: Sequence[str], config: RefactConfig) -> str:
    """A hash over all that a value depends on."""
    settings = config.model_dump(mode="json", exclude={"lambda_", "captions", "padding", "batch"})
    return digest(
        {
            "value of": "refact",
            "version": VERSION,
            "model": backbone.fingerprint,
            "tokenizer": tokenizer_fingerprint(backbone.text.tokenizer),
            "source": concept.source,
            "destination": concept.destination,
            "prompts": list(concept.prompts),
            "negatives": digest(list(negatives)),
            "settings": settings,
        }
    )
