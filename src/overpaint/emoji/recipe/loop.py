"""The training loop that every stage of the recipe shares: resumable, seeded per step, checkpointed by the clock.

Each step draws its randomness from generators seeded with (stage seed, step) alone, so a run that was killed and
resumed sees the same batches as an unbroken one and nothing but tensors needs saving. Checkpoints are safetensors.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from overpaint.files import replacing

__all__ = ["Stage", "StepRandom", "one_cycle", "run"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepRandom:
    """The random sources of one step: ``numpy`` for choices, ``torch`` for noise."""

    numpy: np.random.Generator
    torch: torch.Generator

    @classmethod
    def of(cls, seed: int, step: int) -> StepRandom:
        """Sources that depend on the two numbers alone."""
        sequence = np.random.SeedSequence([seed, step])
        state = int(sequence.generate_state(1, np.uint32)[0])
        return cls(np.random.default_rng(sequence), torch.Generator().manual_seed(state))


def one_cycle(step: int, steps: int, warmup: float = 0.05, cooldown: float = 1.0, floor: float = 0.01) -> float:
    """Fraction of the peak rate: linear up over ``warmup`` of the steps, cosine down over the last ``cooldown``."""
    progress = (step + 0.5) / steps
    if progress < warmup:
        return progress / warmup
    begin = max(warmup, 1 - cooldown)
    if progress < begin:
        return 1.0
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (progress - begin) / (1 - begin)))


@dataclass
class Stage:
    """One network to train.

    Args:
        name: names the checkpoint, ``<work>/<name>.safetensors``.
        model: what is trained; its floating tensors are the checkpoint.
        optimizer: any optimiser whose state holds tensors only.
        loss: ``loss(step, random) -> (scalar tensor to minimise, figures to log)``.
        steps: total; a resumed run goes on to the same total.
        samples: samples per step, for the log and for the count in the checkpoint.
        rate: multiplies the optimiser's peak rate, by step.
        ema: decay of the averaged copy of the weights, 0 for none.
    """

    name: str
    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[int, StepRandom], tuple[Tensor, dict[str, float]]]
    steps: int
    samples: int
    rate: Callable[[int], float]
    seed: int = 0
    ema: float = 0.0
    clip: float = 1.0
    save_seconds: float = 180.0
    averaged: dict[str, Tensor] = field(default_factory=dict)
    done: int = 0


def run(stage: Stage, work: Path, watch: Callable[[Stage], None] | None = None, log_every: int = 50) -> None:
    """Train ``stage`` to its last step, going on from its checkpoint if one exists; ``watch`` runs at each save.

    Raises FloatingPointError when the loss is no number any more.
    """
    path = work / f"{stage.name}.safetensors"
    peaks = [group["lr"] for group in stage.optimizer.param_groups]
    if stage.ema and not stage.averaged:
        stage.averaged = {k: p.detach().clone() for k, p in stage.model.named_parameters()}
    if path.exists():
        _load(stage, path)
        log.info("%s: resumed at step %d of %d", stage.name, stage.done, stage.steps)
    saved = began = time.monotonic()
    first = stage.done
    recent: dict[str, float] = {}
    while stage.done < stage.steps:
        factor = stage.rate(stage.done)
        for group, peak in zip(stage.optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * factor
        value, figures = stage.loss(stage.done, StepRandom.of(stage.seed, stage.done))
        if not math.isfinite(value.item()):
            raise FloatingPointError(f"{stage.name}: loss is {value.item()} at step {stage.done}")
        stage.optimizer.zero_grad(set_to_none=True)
        value.backward()
        if stage.clip:
            nn.utils.clip_grad_norm_(stage.model.parameters(), stage.clip)
        stage.optimizer.step()
        stage.done += 1
        if stage.ema:
            # A young average forgets its random start faster than an old one forgets anything.
            decay = min(stage.ema, (1 + stage.done) / (10 + stage.done))
            with torch.no_grad():
                for k, parameter in stage.model.named_parameters():
                    stage.averaged[k].lerp_(parameter, 1 - decay)
        for k, figure in {"loss": value.item(), **figures}.items():
            recent[k] = figure if k not in recent else 0.95 * recent[k] + 0.05 * figure
        if stage.done % log_every == 0:
            seconds = time.monotonic() - began
            per_step = seconds / (stage.done - first)
            log.info(
                "%s %d/%d %s %.1f/s left %.0f min",
                stage.name,
                stage.done,
                stage.steps,
                " ".join(f"{k} {figure:.4f}" for k, figure in recent.items()),
                stage.samples / per_step,
                per_step * (stage.steps - stage.done) / 60,
            )
        if time.monotonic() - saved > stage.save_seconds or stage.done == stage.steps:
            _save(stage, path)
            if watch is not None:
                watch(stage)
            saved = time.monotonic()


def _save(stage: Stage, path: Path) -> None:
    tensors = {f"model.{k}": v.detach() for k, v in stage.model.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in stage.averaged.items()}
    for index, state in stage.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
    metadata = {"step": json.dumps(stage.done), "samples": json.dumps(stage.done * stage.samples)}
    with replacing(path) as temporary:
        save_file({k: v.contiguous().clone() for k, v in tensors.items()}, temporary, metadata=metadata)


def _load(stage: Stage, path: Path) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    model: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        stage.done = json.loads(file.metadata()["step"])
        for key in file.keys():
            kind, _, rest = key.partition(".")
            if kind == "model":
                model[rest] = file.get_tensor(key)
            elif kind == "ema":
                stage.averaged[rest] = file.get_tensor(key)
            else:
                index, _, name = rest.partition(".")
                state.setdefault(int(index), {})[name] = file.get_tensor(key)
    stage.model.load_state_dict(model)
    groups = stage.optimizer.state_dict()["param_groups"]
    stage.optimizer.load_state_dict({"state": state, "param_groups": groups})
