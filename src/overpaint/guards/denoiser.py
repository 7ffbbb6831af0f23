"""Stepping between whoever draws and the denoiser, whatever draws: diffusers' pipelines or the library's sampler.

Both hand the denoiser one batch whose first half is for the empty prompt and whose second half, the same latents again,
is for the prompts. That structure is what a guard looks for; any other call passes untouched: training, drawing without
guidance. (Drawing without guidance the same seed twice in one batch looks alike at its first step.)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from overpaint.errors import PatchError
from overpaint.guards.rules import Momentum, Rule

__all__ = ["guarded"]

_MARK = "_overpaint_guard"
_POOLED = ("text_embeds", "pooled_projections")
"""The pooled state, as UNets and as transformers call it."""

States = tuple[Tensor, Tensor | None]
"""Text states (1, w, d) and, for models that take one, the pooled state (1, d)."""

Encode = Callable[[str, int], States]


@contextmanager
def guarded(denoiser: Any, rule: Rule, encode: Encode, readers: Sequence[Any] = ()) -> Iterator[None]:
    """Let ``rule`` bend every guided prediction of ``denoiser``; leaving takes all traces away.

    ``encode`` is asked for a text and the number w of states that the denoiser reads of each prompt.
    ``readers`` are modules that run where a prompt is read, thus not within a drawing but before it.

    Raises:
        PatchError: another guard is there already: the two would not see the batches that they expect.
    """
    if hasattr(denoiser, _MARK):
        raise PatchError(f"guard {rule.kind}: another guard is on the model; leave that one first")
    between = _Between(denoiser, rule, encode)
    handles = [
        denoiser.register_forward_pre_hook(between.before, with_kwargs=True),
        denoiser.register_forward_hook(between.after, with_kwargs=True),
        *(reader.register_forward_pre_hook(between.begin) for reader in readers),
    ]
    setattr(denoiser, _MARK, rule.kind)
    try:
        yield
    finally:
        delattr(denoiser, _MARK)
        for handle in handles:
            handle.remove()


class _Between:
    """The two hooks, and what they remember of the drawing that goes on."""

    def __init__(self, denoiser: Any, rule: Rule, encode: Encode) -> None:
        self.rule = rule
        self.encode = encode
        self.signature = inspect.signature(denoiser.forward)
        self.sample = next(iter(self.signature.parameters))
        self.memory = Momentum()
        self.states: States | None = None
        self.first = self.last = float("-inf")
        self.shape: tuple[int, ...] = ()
        self.bending = False
        self.begun = True

    def begin(self, module: Any, args: tuple[Any, ...]) -> None:
        """Text is read: the next prediction begins a drawing."""
        self.begun = True

    def before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask for the concept too, if this is a guided prediction."""
        asked = dict(self.signature.bind(*args, **kwargs).arguments)
        more = asked.pop("kwargs", {})
        latents = asked[self.sample]
        half = len(latents) // 2
        self.bending = len(latents) % 2 == 0 and torch.equal(latents[:half], latents[half:])
        if not self.bending:
            return None
        self._follow(float(torch.as_tensor(asked["timestep"]).flatten()[0]), tuple(latents.shape))
        if self.states is None:
            self.states = self.encode(self.rule.concept, asked["encoder_hidden_states"].shape[1])
            self.begun = False
        if not self.rule.replaces:
            asked = {name: _with_third(value, 2 * half) for name, value in asked.items()}
        place = slice(0, half) if self.rule.replaces else slice(2 * half, None)
        states, pooled = self.states
        asked["encoder_hidden_states"] = _put(asked["encoder_hidden_states"], place, states)
        for given in (asked, added := dict(asked.get("added_cond_kwargs") or {})):
            for name in _POOLED:
                if pooled is not None and name in given:
                    given[name] = _put(given[name], place, pooled)
        if added:
            asked["added_cond_kwargs"] = added
        return (), {**asked, **more}

    def after(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """Give back the two predictions that guidance expects."""
        if not self.bending:
            return None
        raw = output[0]
        parts = raw.chunk(2 if self.rule.replaces else 3)
        bent = torch.cat(self.rule.bend(parts[0], parts[1], None if self.rule.replaces else parts[2], self.memory))
        self.memory.step += 1
        return (bent, *output[1:]) if isinstance(output, tuple) else type(output)(sample=bent)

    def _follow(self, t: float, shape: tuple[int, ...]) -> None:
        """Forget everything where a new drawing begins.

        Text was read, or another batch of the same texts is drawn: time runs backwards within a drawing, and no sampler
        repeats the first time (some do others).
        """
        if self.begun or t > self.last or t == self.first or shape != self.shape:
            self.memory, self.states = Momentum(), None
            self.first, self.shape = t, shape
        self.last = t


def _with_third(value: Any, rows: int) -> Any:
    """Per-row tensors with the second half once more."""
    if isinstance(value, dict):
        return {name: _with_third(one, rows) for name, one in value.items()}
    if isinstance(value, Tensor) and value.ndim and len(value) == rows:
        return torch.cat([value, value[rows // 2 :]])
    return value


def _put(rows: Tensor, place: slice, row: Tensor) -> Tensor:
    """A copy of ``rows`` with ``row`` (1, ...) in all rows of ``place``."""
    changed = rows.clone()
    changed[place] = row.to(rows)
    return changed
