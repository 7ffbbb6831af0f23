"""Noisy inputs with their targets, made once and trained on many times: ESD with cached trajectories.

A guided sampling step evaluates the network for the prompt and for the empty one at the very x_t that it passes. If the
original model samples, these are the teacher's predictions, and every step of a trajectory is a row to train on for two
evaluations. The published loop throws them away: it samples 25 steps on average for one row, then evaluates again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts
from overpaint.methods.esd.objective import turned_away
from overpaint.methods.esd.pictures import noised
from overpaint.methods.esd.trajectories import Recording, length, predictions, record
from overpaint.seeding import derive

__all__ = ["Pool", "erasing", "join", "keeping", "targets"]

Advance = Callable[[int], None]
Acting = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Pool:
    """n rows on the CPU.

    Attributes:
        x: inputs of the network (n, c, h, w). t: their timesteps (n,), float32.
        prompt: rows (n,) of `Texts` that the student is given.
        wanted: what it is to predict (n, c, h, w), float32.
        concept: number (n,) of the erasure or preserved prompt that the row is about.
    """

    x: Tensor
    t: Tensor
    prompt: Tensor
    wanted: Tensor
    concept: Tensor

    def __len__(self) -> int:
        """Rows."""
        return len(self.x)

    def rows(self, which: Tensor) -> Pool:
        """Some rows (m,), in that order."""
        return Pool(**{name: tensor[which] for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """For a store."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Pool:
        """Inverse of `tensors`; others are ignored."""
        return cls(**{field.name: tensors[field.name] for field in fields(cls)})


def join(pools: Sequence[Pool]) -> Pool:
    """All rows of pools, of which there is at least one."""
    columns = zip(*(pool.tensors().values() for pool in pools), strict=True)
    return Pool(*(torch.cat(column) for column in columns))


def erasing(
    backbone: Backbone,
    texts: Texts,
    erasures: Sequence[Erasure],
    config: EsdConfig,
    count: int,
    label: str,
    *,
    checked: bool = False,
    sampler: Acting | None = None,
    advance: Advance = lambda count: None,
) -> tuple[Pool, Pool | None]:
    """Rows that teach the erasures, and with ``protect`` as many that keep prompts without the concept.

    Args:
        count: trajectories for each prompt (noisy pictures in their place: as many rows).
        label: part of every trajectory's seed.
        checked: use the templates of validation.
        sampler: in this context, that is, with these weights, trajectories are drawn; predictions that make the
            targets are always the model's own. None: it draws them, too, and nothing is evaluated twice.
        advance: hears of finished trajectories.
    """
    pools, kept = [], []
    for number, erasure in enumerate(erasures):
        given = erasure.prompts(erasure.given, checked)
        prompts = [prompt for prompt in given for _ in range(count)]
        seeds = [derive(erasure.seed, label, prompt, k) for prompt in given for k in range(count)]
        rows = texts.rows(prompts)
        known: dict[str, Tensor] = {}
        if erasure.images:
            each = length(backbone, config.image_steps)
            x, t = noised(backbone, erasure.images, erasure.source, [derive(s, i) for s in seeds for i in range(each)])
            advance(len(seeds))
        else:
            x, t, known = _drawn(backbone, texts, rows, seeds, config, sampler, advance)
            each = len(x) // len(seeds)
            if known:
                told = {erasure.given: known["prompted"], "": known["empty"]}
                known = {phrase: made for phrase, made in told.items() if phrase or not erasure.styled}
        prompt = rows.repeat_interleave(each)
        ways = [p for p in range(len(given)) for _ in range(count * each)]
        wanted, without = targets(backbone, texts, erasure, x, t, ways, config.eta, checked, known)
        concept = torch.full((len(x),), number)
        pools.append(Pool(x, t, prompt, wanted, concept))
        if config.protect and not checked:
            left = texts.rows(erasure.without())[ways]
            kept.append(Pool(x, t, left, without.float(), concept))
    return join(pools), join(kept) if kept else None


def targets(
    backbone: Backbone,
    texts: Texts,
    erasure: Erasure,
    x: Tensor,
    t: Tensor,
    which: Sequence[int],
    eta: float,
    checked: bool = False,
    known: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Targets (n, c, h, w) of an erasure at inputs (n, c, h, w), and predictions for the prompts without the concept.

    ``which`` (n,) is the number of each row's template; ``known`` predictions, by phrase, are not made again.
    """
    made = dict(known or {})
    for phrase in ("", erasure.source, *([erasure.base] if erasure.base else [])):
        if phrase not in made:
            prompts = erasure.prompts(phrase, checked) if phrase else erasure.without(checked)
            made[phrase] = predictions(backbone, x, t, texts.conditions[texts.rows([prompts[i] for i in which])])
    base = made[erasure.base] if erasure.base else None
    return turned_away(made[""], made[erasure.source], eta, base), made[""]


def keeping(
    backbone: Backbone,
    texts: Texts,
    prompts: Sequence[str],
    counts: Sequence[int],
    config: EsdConfig,
    seed: int,
    advance: Advance = lambda count: None,
) -> Pool:
    """Rows that keep the predictions for prompts, as many trajectories of each as its ``counts`` says."""
    each = [(number, prompt, k) for number, prompt in enumerate(prompts) for k in range(counts[number])]
    rows = texts.rows([prompt for _, prompt, _ in each])
    seeds = [derive(seed, "esd keep", prompt, k) for _, prompt, k in each]
    x, t, known = _drawn(backbone, texts, rows, seeds, config, None, advance)
    steps = len(x) // len(seeds)
    concept = torch.tensor([number for number, _, _ in each]).repeat_interleave(steps)
    return Pool(x, t, rows.repeat_interleave(steps), known["prompted"].float(), concept)


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
