"""Trajectories as rows to train on: ESD with cached trajectories.

A guided sampling step evaluates the network for the prompt and for the empty one at the very x_t that it passes. If the
original model samples, these are the teacher's predictions, and every step of a trajectory is a row to train on for two
evaluations. The published loop throws them away: it samples 25 steps on average for one row, then evaluates again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts
from overpaint.methods.esd.objective import turned_away
from overpaint.methods.esd.pictures import noised
from overpaint.methods.esd.pool import Pool, join
from overpaint.methods.esd.trajectories import length, predictions, record
from overpaint.methods.records import Records, parts, pieces, recorded
from overpaint.progress import Advance
from overpaint.seeding import derive

__all__ = ["Acting", "erasing", "keeping", "target", "taught"]

Acting = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class _Drawing:
    """What all trajectories of one drawing share; the fields as in `erasing`."""

    backbone: Backbone
    texts: Texts
    config: EsdConfig
    sampler: Acting | None
    advance: Advance

    def __call__(self, prompts: Sequence[str], seeds: Sequence[int]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Inputs (n, c, h, w), timesteps (n,) and, if the original model sampled, its predictions for both prompts."""
        asked, empty = self.texts.conditions[self.texts.rows(prompts)], self.texts.conditions[:1]
        steps, guidance = self.config.image_steps, self.config.guidance
        with self.sampler() if self.sampler is not None else nullcontext():
            found = record(self.backbone, asked, empty, seeds, steps, guidance, self.advance)
        x, t = found.x.flatten(0, 1), found.t.repeat(len(seeds))
        if self.sampler is not None:
            return x, t, {}
        return x, t, {"prompted": found.prompted.flatten(0, 1), "empty": found.empty.flatten(0, 1)}


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
    drawing = _Drawing(backbone, texts, config, sampler, advance)
    pools, kept = [], []
    for number, (erasure, count) in enumerate(zip(erasures, counts, strict=True)):
        given, without = (texts.rows(e) for e in (erasure.prompts(erasure.given, checked), erasure.without(checked)))
        for part in parts(len(given) * count):
            make = partial(_part, drawing, erasure, count, part, label, checked)
            found = recorded(records, (erasure, part), len(part), make, advance)
            x, t, which = found["x"], found["t"], found["template"]
            concept = torch.full((len(x),), number)
            pools.append(Pool(x, t, given[which], target(found, config.eta), concept))
            if config.protect and not checked:
                kept.append(Pool(x, t, without[which], found["without"].float(), concept))
    return join(pools), join(kept) if kept else None


def _part(drawing: _Drawing, erasure: Erasure, count: int, part: range, label: str, checked: bool) -> dict[str, Tensor]:
    """Rows of some of an erasure's trajectories, which are numbered through all of its prompts, and what `taught` says.

    ``template`` (n,) is the number of each row's template. Nothing here depends on ``eta``: runs that turn away
    otherwise share it.
    """
    given = erasure.prompts(erasure.given, checked)
    templates = [number // count for number in part]
    seeds = [derive(erasure.seed, label, given[number // count], number % count) for number in part]
    known: dict[str, Tensor] = {}
    if erasure.images:
        each = length(drawing.backbone, drawing.config.image_steps)
        noises = [derive(s, i) for s in seeds for i in range(each)]
        x, t = noised(drawing.backbone, erasure.images, erasure.source, noises)
        drawing.advance(len(seeds))
    else:
        x, t, known = drawing([given[number] for number in templates], seeds)
        each = len(x) // len(seeds)
        if known:
            told = {erasure.given: known["prompted"], "": known["empty"]}
            known = {phrase: made for phrase, made in told.items() if phrase or not erasure.styled}
    ways = [number for number in templates for _ in range(each)]
    made = taught(drawing.backbone, drawing.texts, erasure, x, t, ways, checked, known)
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
    drawing = _Drawing(backbone, texts, config, None, advance)
    pools: list[Pool] = []
    numbers = {prompt: number for number, prompt in enumerate(counts)}
    for some in pieces(counts):
        found = recorded(records, some, sum(some.values()), partial(_kept, drawing, some, seed), advance)
        prompts = list(some)
        which = found["which"]
        concept = torch.tensor([numbers[prompt] for prompt in prompts])[which]
        pools.append(Pool(found["x"], found["t"], texts.rows(prompts)[which], found["wanted"], concept))
    return join(pools)


def _kept(drawing: _Drawing, counts: Mapping[str, int], seed: int) -> dict[str, Tensor]:
    """Rows of some prompts; ``which`` (n,) is the number of each row's prompt among them."""
    each = [(number, prompt, k) for number, prompt in enumerate(counts) for k in range(counts[prompt])]
    seeds = [derive(seed, "esd keep", prompt, k) for _, prompt, k in each]
    x, t, known = drawing([prompt for _, prompt, _ in each], seeds)
    which = torch.tensor([number for number, _, _ in each]).repeat_interleave(len(x) // len(seeds))
    return {"x": x, "t": t, "wanted": known["prompted"].float(), "which": which}
