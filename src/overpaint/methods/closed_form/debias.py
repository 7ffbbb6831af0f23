"""Shares found by measuring and correcting (UCE, arXiv 2308.14761, section on debiasing).

A debiased source c is read as ``g = c + sum_k a_k e_k``, with e_k the destinations' states. Text states alone do not
say what share of pictures that gives. Whoever can draw and grade gives a function from a patch to shares; this module
knows neither pictures nor graders. Each round solves anew from the original matrices, all sources together.

Three things are ours. Factors are corrected as if each source were alone, and what the others do to it is made up for
(`company`), so that a source stays where it is while others are corrected. What is tried next lies where a curve
through all counts so far has the wanted shares (`response`), every count being of new pictures. And no source is moved
by more than twice the length of its own states: one that does not answer would go on until it reads as nothing, and
what reads like it with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.methods.closed_form import uce
from overpaint.methods.closed_form.company import company_of
from overpaint.methods.closed_form.config import UceConfig
from overpaint.methods.closed_form.response import Count, response_to, scatter
from overpaint.methods.debiasing import CountedConfig, Counter, Debiased, Factors, deviation, shares_of
from overpaint.methods.store import MemoryStore
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["counts_of", "debias"]


def debias(
    backbone: Backbone,
    plan: Plan,
    config: UceConfig,
    counter: Counter,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
    limit: float = 2.0,
) -> Debiased:
    """Carry out a plan with factors under which all its debiased sources come out in the wanted shares.

    The last round only says what the factors that were found give: its shares are those of pictures that had no part
    in finding them.

    Args:
        config: its factors, or the text side's, are the start.
        limit: how far a source is moved along its own destinations at most, in lengths of its own states.

    Raises:
        PlanError: the plan debiases nothing, or does not fit the model.
    """
    wanted = shares_of(plan)
    company = company_of(backbone, plan, config, store=store, progress=progress, captions=captions)
    asked = company.given
    counts: dict[str, list[Count]] = {source: [] for source in wanted}
    sizes, rounds = counts_of(config), config.count_rounds
    count, counted, last = 0, 0, rounds == 1
    while True:
        pictures = sizes[-1 if last else count]
        settings = config.model_copy(update={"factors": asked})
        patch = uce.fit(backbone, plan, settings, store=store, progress=progress, captions=captions)
        shares = counter(patch, list(wanted), range(counted, counted + pictures))
        count, counted = count + 1, counted + pictures
        if last:
            return Debiased(patch, asked, shares, deviation(shares, wanted), count, pictures)
        alone = company.undone(asked)
        moved: Factors = {}
        errors, responses = [], []
        for source, over in wanted.items():
            factors = tuple(alone[source][name] for name in over)
            counts[source].append(Count(factors, tuple(shares[source][name] for name in over), pictures))
            response = response_to(counts[source])
            found = response.factors(tuple(over.values()), sum(factors), limit * company.lengths[source])
            moved[source] = dict(zip(over, found, strict=True))
            errors.append(response.error(found))
            responses.append(response)
        asked = company.made_up(moved)
        last = count == rounds - 1 or scatter(responses) * max(errors) <= config.tolerance / 2


def counts_of(config: CountedConfig) -> list[int]:
    """Pictures of each source by round.

    Half of ``count_pictures``, and a third of these in the first half of the rounds: where a source is far from its
    shares, few say where to go.
    """
    portion, rounds = config.count_pictures // 2, config.count_rounds
    early = (rounds - 1) // 2
    return [max(1, portion // 3)] * early + [portion] * (rounds - early)
