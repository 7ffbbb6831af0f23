"""Gated edits from plan to patch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError, PlanError
from overpaint.linear.lowrank import Factors
from overpaint.linear.precision import exact
from overpaint.linear.ridge import Penalty
from overpaint.methods.captions import captions_for
from overpaint.methods.emcid.context import lengths
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.penalties import penalties_of
from overpaint.methods.emcid.tasks import Task
from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.gates.detectors import Detectors, detectors
from overpaint.methods.gates.examples import Own, others, own
from overpaint.methods.gates.pairs import PLACES, met, most_gates
from overpaint.methods.gates.said import said_by
from overpaint.methods.gates.units import give_up
from overpaint.methods.provenance import provenance_of
from overpaint.methods.store import MemoryStore
from overpaint.patch import Dense, Patch
from overpaint.patch.delta import Delta, smaller
from overpaint.plan import Plan
from overpaint.plan.templates import KINDS
from overpaint.progress import Progress

__all__ = ["fit", "tasks_of"]

UNITS = 2
"""A step of a concept's score: one unit that rises from where the gate opens, and one that takes back from where it is
full."""
MOST = 0.75
"""The share of a layer's units that may be given up."""
RIDGE = 1e-2
"""Against each other where two concepts' gates open together, of one concept's own opening."""


def fit(
    backbone: Backbone,
    plan: Plan,
    config: GatesConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Patch:
    """The patch of a plan; ``store`` keeps what is read of captions, and second moments if units in use are given up.

    Raises:
        PlanError: the plan does not fit the model; before any work starts.
        OverpaintError: no captions for a model that brings none.
    """
    tasks = tasks_of(backbone, plan, config)
    said = captions_for(backbone, config.captions, captions)
    deltas: dict[str, Delta] = {}
    texts = backbone.text_encoders
    with progress.task("gates", total=config.steps * len(texts), unit="step") as advance:
        for text in texts:
            mine = own(text, met(text, tasks, config), config.block)
            read = said_by(backbone, text, said, config.block, store)
            shut = others(text, tasks, said, read, plan.preserve, mine, config.block)
            found = detectors(mine, shut, len(mine.task), config, advance)
            penalty_of = penalties_of(backbone, text, said, [config.block], 1.0, store, progress)
            moment = partial(_moment, penalty_of, config.block)
            units, left = give_up(text.fc2(config.block).weight, UNITS * len(mine.task), moment)
            deltas |= _written(text, found, mine, units, left, config)
    return Patch.made_on(backbone.pipe, deltas, provenance_of(backbone, plan, config, said))


def tasks_of(backbone: Backbone, plan: Plan, config: GatesConfig) -> list[Task]:
    """What each edited name is to become, a moderated concept's members too: nothing, without anchor or neutral word.

    Raises:
        PlanError: no such block, more concepts than it has units for, names that do not fit the text window. One line
            each.
    """
    problems: list[str] = []
    tasks: list[Task] = []
    for edit in plan.edits:
        destination = edit.destination or KINDS[edit.kind].neutral
        for source in edit.edited:
            concept = Concept(source, destination, edit.prompts, seed=0)
            try:
                for text in backbone.text_encoders:
                    lengths(text, concept)
            except BackboneError as error:
                problems.append(f"{edit.at}: {error}")
            tasks.append(Task(edit, source, (concept,), (1.0,)))
    for text in backbone.text_encoders:
        problems += _unfit(text, plan, most_gates(tasks), config.block)
    if problems:
        raise PlanError(*problems)
    return tasks


def _moment(penalty_of: Callable[[int], Penalty], block: int) -> Tensor:
    return penalty_of(block).moment


def _unfit(text: TextEncoder, plan: Plan, count: int, block: int) -> list[str]:
    at = plan.at("settings.block")
    if block >= text.depth:
        return [f"{at}: the denoiser reads what {text.name} gives behind block {text.depth - 1}; take none above it"]
    room = int(MOST * text.key_width) // UNITS
    if count > room:
        return [
            f"{plan.at('edits')}: {count} gates, one for a thing and {PLACES} for a style, are more than the {room}"
            f" that one block of {text.name} holds; take fewer, or another method"
        ]
    return []


def _written(
    text: TextEncoder, found: Detectors, mine: Own, units: Tensor, left: Tensor, config: GatesConfig
) -> dict[str, Delta]:
    """Changes of the layer's weights: rows of units that open, columns of what they then add."""
    opens, full = (
        torch.where(mine.style, of_styles, of_things).to(found.bias)
        for of_styles, of_things in ((config.style_opens, config.opens), (config.style_full, config.full))
    )
    steep = config.sharp / (full - opens)
    rows = (steep[:, None] * found.weight).repeat(UNITS, 1)
    bias = torch.cat([steep * (found.bias - start) for start in (opens, full)])
    values = _values(_opening(text, mine.inputs, rows, bias, config), mine) / config.sharp
    layer, out = text.fc1(config.block), text.fc2(config.block)
    name = text.fc2_name(config.block)
    first = _rows(layer.weight, units, rows)
    assert layer.bias is not None
    shift = torch.zeros_like(exact(layer.bias)).index_copy_(0, units, exact(bias) - exact(layer.bias)[units])
    change = left - exact(out.weight)
    change[:, units] += torch.cat([values, -values]).mT
    second = _columns(change, units) if not bool(_elsewhere(change, units).any()) else Dense(change)
    stem = name.removesuffix("fc2.weight")
    return {f"{stem}fc1.weight": first, f"{stem}fc1.bias": Dense(shift), name: second}


def _opening(text: TextEncoder, inputs: Tensor, rows: Tensor, bias: Tensor, config: GatesConfig) -> Tensor:
    """How far each gate is open at tokens (m, width): (m, n), 0 to 1."""
    given = text.activation(config.block)(inputs.float() @ rows.mT + bias)
    rising, taking = given.chunk(UNITS, dim=1)
    return exact(rising - taking) / config.sharp


def _values(opening: Tensor, mine: Own) -> Tensor:
    """What open gates add (n, width): ridge regression of what is missing on how far all gates are open."""
    owner = mine.owner.to(opening.device)
    share = (1 / torch.bincount(owner, minlength=opening.shape[1]).to(opening))[owner]
    weighted = opening * share[:, None]
    gram = weighted.mT @ opening
    gram.diagonal().add_(RIDGE)
    return torch.linalg.solve(gram, weighted.mT @ exact(mine.missing))


def _rows(weight: Tensor, units: Tensor, new: Tensor) -> Delta:
    """The change that puts rows (k, in) at ``units`` of a matrix (out, in)."""
    old = exact(weight)
    place = old.new_zeros(len(old), len(units))
    place[units, torch.arange(len(units), device=units.device)] = 1.0
    return smaller(Factors(place, exact(new) - old[units]))


def _columns(change: Tensor, units: Tensor) -> Delta:
    """A change (out, in) that is nil but for the columns at ``units``."""
    place = change.new_zeros(len(units), change.shape[1])
    place[torch.arange(len(units), device=units.device), units] = 1.0
    return smaller(Factors(change[:, units], place))


def _elsewhere(change: Tensor, units: Tensor) -> Tensor:
    rest = torch.ones(change.shape[1], dtype=torch.bool, device=change.device)
    rest[units] = False
    return change[:, rest]
