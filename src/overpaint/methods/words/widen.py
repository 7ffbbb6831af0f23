"""A plan that reaches further: its edits, and the other words that the model takes for their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.methods.captions import captions_for
from overpaint.methods.store import MemoryStore
from overpaint.methods.words.drawn import asked_of_one, differences
from overpaint.methods.words.near import Embedded, nearest, vectors_of
from overpaint.methods.words.phrases import folded, parts, phrases
from overpaint.methods.words.read import read_by
from overpaint.methods.work import SINGLE, Work
from overpaint.plan import Edit, Plan
from overpaint.plan.templates import KINDS
from overpaint.progress import Progress

__all__ = ["carried_out", "looking", "widened"]

CAPTIONS = 30_000
"""Of the bundled ones."""
LOOKED_AT = 6
"""Nearest phrases of each source, of which the denoiser is asked: nine of ten of the bundled model's aliases are among
four."""
SAME = 0.25
"""The most that predictions may differ. On the bundled model's validation split, 300 sources, 100 of 119 aliases
do not, one of somebody else's, and no name of another concept; at .4 it is 104, 11 and one."""
ACTIONS = ("replace", "erase", "moderate")
"""Of edits that are widened: a name to rectify has no meaning yet that other words could share."""


def widened(
    backbone: Backbone, plan: Plan, captions: Sequence[str] | None, store: MemoryStore, progress: Progress
) -> Plan:
    """The plan with further words in ``also`` of its edits, and ``other_words`` no longer asked for.

    The captions' phrases are read once for a model and kept in the store.

    A word that would serve two sources goes to the one that it differs least from; phrases with names that the plan
    edits, draws instead or preserves are left alone.

    Raises:
        OverpaintError: no captions for a model that brings none.
    """
    edits = _reaching(plan)
    owner = {name: edit for edit in edits for name in edit.edited}
    said = phrases(captions_for(backbone, CAPTIONS, captions, "other words"))
    taken = {folded(name) for edit in plan.edits for name in edit.phrases} | set(map(folded, plan.preserve))
    free = [number for number, phrase in enumerate(said) if taken.isdisjoint(parts(phrase))]
    among = [*owner, *(said[number] for number in free)]
    found: dict[str, tuple[float, str]] = {}
    for template in dict.fromkeys(edit.prompts[0] for edit in edits if said):
        names = [name for name, edit in owner.items() if edit.prompts[0] == template]
        own = vectors_of(backbone.text, [*owner], template)
        vectors = torch.cat([own, read_by(backbone, said, template, store)[free]])
        near = nearest(Embedded(among, vectors), names, LOOKED_AT, set(owner))
        total = sum(2 + len(candidates) for candidates in near.values() if candidates)
        with progress.task("other words", total=total, unit="phrase") as advance:
            differing = differences(backbone, near, template, plan.seed, advance)
        for name, values in differing.items():
            for phrase, value in zip(near[name], values, strict=True):
                if value <= SAME and (value, name) < found.get(phrase, (SAME, "\U0010ffff")):
                    found[phrase] = value, name
    more: dict[str, list[str]] = {}
    for phrase, (_, name) in sorted(found.items(), key=lambda item: item[1]):
        more.setdefault(owner[name].key, []).append(phrase)
    return plan.model_copy(
        update={
            "edits": tuple(_with(edit, more.get(edit.key, [])) for edit in plan.edits),
            "other_words": False,
        }
    )


def carried_out(plan: Plan, provenance: Mapping[str, Any]) -> Plan:
    """The plan of which a patch of that provenance was made: with the words that were found, if it asked for any."""
    if not plan.other_words or "plan" not in provenance:
        return plan
    found = zip(plan.edits, provenance["plan"]["edits"], strict=True)
    edits = tuple(edit.model_copy(update={"also": tuple(said.get("also", ()))}) for edit, said in found)
    return plan.model_copy(update={"edits": edits})


def looking(backbone: Backbone, plan: Plan) -> Work:
    """What `widened` takes, a full list of nearest phrases for each source."""
    sources = len({name for edit in _reaching(plan) for name in edit.edited})
    return Work(evaluations=sources * asked_of_one(LOOKED_AT), memory=SINGLE * CAPTIONS * backbone.text.width)


def _reaching(plan: Plan) -> list[Edit]:
    """The edits that other words are looked for."""
    return [edit for edit in plan.edits if edit.action in ACTIONS and edit.within is None and KINDS[edit.kind].thing]


def _with(edit: Edit, more: Sequence[str]) -> Edit:
    return edit.model_copy(update={"also": (*edit.also, *more)}) if more else edit
