"""Stepping between whoever draws and the denoiser, whatever draws: diffusers' pipelines or the library's sampler.

Guidance combines two predictions for the same latents, without and along the prompts, and that is what a guard looks
for: a batch that is one half twice, or two calls for the same latents. Any other call passes untouched: training,
drawing without guidance. (Drawing without guidance the same seed twice in one batch looks alike at its first step.)
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from overpaint.errors import PatchError
from overpaint.guards.drawing import Drawing, Encode
from overpaint.guards.layout import Layout
from overpaint.guards.rules import Rule
from overpaint.guards.widening import replaced, widened

__all__ = ["guarded"]

_MARK = "_overpaint_guard"


@contextmanager
def guarded(denoiser: Any, layout: Layout, rule: Rule, encode: Encode, readers: Sequence[Any] = ()) -> Iterator[None]:
    """Let ``rule`` bend every guided prediction of ``denoiser``; leaving takes all traces away.

    ``readers`` are modules that run where a prompt is read, thus not within a drawing but before it.

    Raises:
        PatchError: another guard is there already: the two would not see the batches that they expect.
    """
    if hasattr(denoiser, _MARK):
        raise PatchError(f"guard {rule.kind}: another guard is on the model; leave that one first")
    between = (_Apart if layout.apart else _Together)(denoiser, layout, Drawing(rule, encode))
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


class _Together:
    """The hooks of a denoiser that is asked for both predictions in one batch."""

    def __init__(self, denoiser: Any, layout: Layout, drawing: Drawing) -> None:
        self.layout = layout
        self.drawing = drawing
        self.replaces = drawing.rule.replaces
        self.signature = inspect.signature(denoiser.forward)
        self.bending = False

    def begin(self, module: Any, args: tuple[Any, ...]) -> None:
        """Text is read."""
        self.drawing.begin()

    def before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask for the concept too, if this is a guided prediction."""
        asked = dict(self.signature.bind(*args, **kwargs).arguments)
        more = asked.pop("kwargs", {})
        changed = self.changed(asked)
        return None if changed is None else ((), {**changed, **more})

    def changed(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """What is asked in place of this; None for this."""
        latents = asked[self.layout.latents]
        self.bending = self.layout.doubled(latents)
        if not self.bending:
            return None
        states = self.drawing.concept(self.layout.clock(asked), _shape(latents), self.layout.read(asked))
        half = len(latents) // 2
        without = slice(half, None) if self.layout.prompts_first else slice(half)
        return replaced(asked, self.layout, states, without) if self.replaces else widened(asked, self.layout, states)

    def after(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """Give back the two predictions that guidance expects."""
        if not self.bending:
            return None
        first, second, *third = self.layout.raw(output).chunk(2 if self.replaces else 3)
        swapped = self.layout.prompts_first
        without, along = (second, first) if swapped else (first, second)
        without, along = self.drawing.bend(without, along, third[0] if third else None)
        return self.layout.output(torch.cat((along, without) if swapped else (without, along)), output)


class _Call(NamedTuple):
    """A prediction along prompts, which may be the first of two for the same latents."""

    latents: Tensor
    time: float
    along: Tensor


class _Apart(_Together):
    """The hooks of a denoiser that is asked in two calls, along the prompts and then without them."""

    def __init__(self, denoiser: Any, layout: Layout, drawing: Drawing) -> None:
        super().__init__(denoiser, layout, drawing)
        self.last: _Call | None = None
        self.pair: tuple[Tensor, dict[str, Any]] | None = None
        self.asking = False

    def begin(self, module: Any, args: tuple[Any, ...]) -> None:
        """Text is read."""
        super().begin(module, args)
        self.last = None

    def before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `_Together`; what is asked here itself is left as it is."""
        return None if self.asking else super().before(module, args, kwargs)

    def changed(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """See `_Together`."""
        changed = super().changed(asked)
        last, self.last, self.pair = self.last, None, None
        latents, time = asked[self.layout.latents], self.layout.clock(asked)
        if self.bending or torch.is_grad_enabled():
            return changed
        if last is None or last.time != time or not torch.equal(last.latents, latents):
            # read before the denoiser is at work, which a pipeline that offloads would hold beside the text encoder
            self.drawing.read(self.layout.read(asked))
            return None
        states = self.drawing.concept(time, _shape(latents), self.layout.read(asked))
        about = replaced(asked, self.layout, states, slice(None))
        self.pair = (last.along, about)
        return about if self.replaces else None

    def after(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """Bend the first prediction where it lies: whoever asked for it has it already, and combines it only now."""
        if self.asking or self.bending:
            return None if self.asking else super().after(module, args, kwargs, output)
        raw = self.layout.raw(output)
        if self.pair is None:
            if not torch.is_grad_enabled():
                asked = self.signature.bind(*args, **kwargs).arguments
                self.last = _Call(asked[self.layout.latents], self.layout.clock(asked), raw)
            return None
        (along, about), self.pair = self.pair, None
        without, bent = self.drawing.bend(raw, along, None if self.replaces else self._asked(module, about))
        if bent is not along:
            along.copy_(bent)
        return self.layout.output(without, output)

    def _asked(self, module: Any, about: dict[str, Any]) -> Tensor:
        """A prediction of its own, outside of what diffusers keeps from call to call to save time."""
        self.asking = True
        try:
            with module.cache_context("overpaint") if hasattr(module, "cache_context") else nullcontext():
                return self.layout.raw(module(**about))
        finally:
            self.asking = False


def _shape(latents: Any) -> tuple[int, ...]:
    return tuple(latents.shape) if isinstance(latents, Tensor) else (len(latents), *latents[0].shape)
