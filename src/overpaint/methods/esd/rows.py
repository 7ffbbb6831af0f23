"""Trajectories as rows to train on: ESD with cached trajectories.

A guided sampling step evaluates the network for the prompt and for the empty one at the very x_t that it passes. If the
original model samples, these are the teacher's predictions, and every step of a trajectory is a row to train on for two
evaluations. The published loop throws them away: it samples 25 steps on average for one row, then evaluates again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts
from overpaint.methods.esd.objective import turned_away
from overpaint.methods.esd.pictures import noised
from overpaint.methods.esd.pool import Pool, join
from overpaint.methods.esd.trajectories import Recording, length, predictions, record
from overpaint.methods.records import Records, parts, pieces, recorded
from overpaint.progress import Advance
from overpaint.seeding import derive

__all__ = ["Acting", "erasing", "keeping", "target", "taught"]

Acting = Callable[[], AbstractContextManager[object]]


def erasing(
    backbone: Backbone,
    texts: Texts,
    erasures: Sequence[Erasure],
    config: EsdConfig,
    counts: Sequence[int],
    label: str,
    *,
    checked: bool = False,
    sampler: Acting | None = None,
    records: Records[tuple[Erasure, range]] | None = None,
    advance: Advance = lambda count: None,
) -> tuple[Pool, Pool | None]:
    """Rows that teach the erasures, and with ``protect`` as many that keep prompts without the concept.

    Args:
        counts: of each erasure trajectories for each prompt (noisy pictures in their place: as many rows).
        label: part of every trajectory's seed.
        checked: use the templates of validation.
        sampler: in this context, that is, with these weights, trajectories are drawn; predictions that make the
            targets are always the model's own. None: it draws them, too, and nothing is evaluated twice.
        records: where parts are looked for, and kept as they are made.
        advance: hears of finished trajectories.
    """
    pools, kept = [], []
    for number, (erasure, count) in enumerate(zip(erasures, counts, strict=True)):
        given, without = (texts.rows(e) for e in (erasure.prompts(erasure.given, checked), erasure.without(checked)))
        for part in parts(len(given) * count):
            make = partial(_part, backbone, texts, erasure, config, count, part, label, checked, sampler, advance)
            found = recorded(records, (erasure, part), len(part), make, advance)
            x, t, which = found["x"], found["t"], found["template"]
            concept = torch.full((len(x),), number)
            pools.append(Pool(x, t, given[which], target(found, config.eta), concept))
            if config.protect and not checked:
                kept.append(Pool(x, t, without[which], found["without"].float(), concept))
    return join(pools), join(kept) if kept else None


def _part(
    backbone: Backbone,
    texts: Texts,
    erasure: Erasure,
    config: EsdConfig,
    count: int,
    part: range,
    label: str,
    checked: bool,
    sampler: Acting | None,
    advance: Advance,
) -> dict[str, Tensor]:
    """Rows of some of an erasure's trajectories, which are numbered through all of its prompts, and what `taught` says.

    ``template`` (n,) is the number of each row's template. Nothing here depends on ``eta``: runs that turn away
    otherwise share it.
    """
    given = erasure.prompts(erasure.given, checked)
    templates = [number // count for number in part]
    seeds = [derive(erasure.seed, label, given[number // count], number % count) for number in part]
    known: dict[str, Tensor] = {}
    if erasure.images:
        each = length(backbone, config.image_steps)
        x, t = noised(backbone, erasure.images, erasure.source, [derive(s, i) for s in seeds for i in range(each)])
        advance(len(seeds))
    else:
        rows = texts.rows([given[number] for number in templates])
        x, t, known = _drawn(backbone, texts, rows, seeds, config, sampler, advance)
        each = len(x) // len(seeds)
        if known:
            told = {erasure.given: known["prompted"], "": known["empty"]}
            known = {phrase: made for phrase, made in told.items() if phrase or not erasure.styled}
    ways = [number for number in templates for _ in range(each)]
    made = taught(backbone, texts, erasure, x, t, ways, checked, known)
    return {"x": x, "t": t, "template": torch.tensor(ways), **made}


def taught(
    backbone: Backbone,
    texts: Texts,
    erasure: Erasure,
    x: Tensor,
    t: Tensor,
    which: Sequence[int],
    checked: bool = False,
    known: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """The original model's predictions (n, c, h, w) at inputs (n, c, h, w) that an erasure's targets are made of.

    Those for the ``source``, for the prompts ``without`` it and, if the target starts at a ``base``, for that.
    ``which`` (n,) is the number of each row's template; ``known`` predictions, by phrase, are not made again.
    """
    made = dict(known or {})
    for phrase in ("", erasure.source, *([erasure.base] if erasure.base else [])):
        if phrase not in made:
            prompts = erasure.prompts(phrase, checked) if phrase else erasure.without(checked)
            made[phrase] = predictions(backbone, x, t, texts.conditions[texts.rows([prompts[i] for i in which])])
    found = {"source": made[erasure.source], "without": made[""]}
    return {**found, "base": made[erasure.base]} if erasure.base else found


def target(made: Mapping[str, Tensor], eta: float) -> Tensor:
    """What the student is to predict (n, c, h, w), of what `taught` says."""
    return turned_away(made["without"], made["source"], eta, made.get("base"))


def keeping(
    backbone: Backbone,
    texts: Texts,
    counts: Mapping[str, int],
    config: EsdConfig,
    seed: int,
    *,
    records: Records[Mapping[str, int]] | None = None,
    advance: Advance = lambda count: None,
) -> Pool:
    """Rows that keep the predictions for prompts, as many trajectories of each as ``counts`` says.

    ``records``, ``advance``: as in `erasing`; runs that number their prompts otherwise may share records.
    """
    pools: list[Pool] = []
    numbers = {prompt: number for number, prompt in enumerate(counts)}
    for some in pieces(counts):
        make = partial(_kept, backbone, texts, some, config, seed, advance)
        found = recorded(records, some, sum(some.values()), make, advance)
        prompts = list(some)
        which = found["which"]
        concept = torch.tensor([numbers[prompt] for prompt in prompts])[which]
        pools.append(Pool(found["x"], found["t"], texts.rows(prompts)[which], found["wanted"], concept))
    return join(pools)


def _kept(
    backbone: Backbone, texts: Texts, counts: Mapping[str, int], config: EsdConfig, seed: int, advance: Advance
) -> dict[str, Tensor]:
    """Rows of some prompts; ``which`` (n,) is the number of each row's prompt among them."""
    each = [(number, prompt, k) for number, prompt in enumerate(counts) for k in range(counts[prompt])]
    rows = texts.rows([prompt for _, prompt, _ in each])
    seeds = [derive(seed, "esd keep", prompt, k) for _, prompt, k in each]
    x, t, known = _drawn(backbone, texts, rows, seeds, config, None, advance)
    which = torch.tensor([number for number, _, _ in each]).repeat_interleave(len(x) // len(seeds))
    return {"x": x, "t": t, "wanted": known["prompted"].float(), "which": which}


def _drawn(
    backbone: Backbone,
    texts: Texts,
    rows: Tensor,
    seeds: Sequence[int],
    config: EsdConfig,
    sampler: Acting | None,
    advance: Advance,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Inputs (n, c, h, w), timesteps (n,) and, if the original model sampled, its predictions for both prompts."""
    with sampler() if sampler is not None else nullcontext():
        found: Recording = record(
            backbone, texts.conditions[rows], texts.conditions[:1], seeds, config.image_steps, config.guidance, advance
        )
    x, t = found.x.flatten(0, 1), found.t.repeat(len(seeds))
    if sampler is not None:
        return x, t, {}
    return x, t, {"prompted": found.prompted.flatten(0, 1), "empty": found.empty.flatten(0, 1)}
