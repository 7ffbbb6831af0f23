"""The way of states through a text encoder's blocks, one block after the other.

What a model hands to a block beside its states (the mask, positions, in the form that the installed transformers
wants) is recorded from the model's own forward pass, never rebuilt here. One row serves every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.anatomy import Anatomy
from overpaint.errors import BackboneError

__all__ = ["Call", "Passage", "Run", "handed", "through"]

Run = Callable[[Tensor, int, int], Tensor]
"""States at the input of a block to those at the input of a later one."""
Call = tuple[tuple[Any, ...], dict[str, Any]]
"""What a block is handed beside its states, by place and by name."""


def handed(block: nn.Module, forward: Callable[[], Any]) -> Call:
    """What a model hands to one of its blocks when ``forward`` first comes to it."""
    calls: list[Call] = []

    def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        calls.append((args[1:], {k: v for k, v in kwargs.items() if k != "hidden_states"}))

    handle = block.register_forward_pre_hook(record, with_kwargs=True)
    try:
        forward()
    finally:
        handle.remove()
    return calls[0]


def through(blocks: Iterable[nn.Module], states: Tensor, call: Call) -> Tensor:
    """States (n, w, width) at the input of the first block to those behind the last, all handed the same."""
    args, kwargs = call
    for block in blocks:
        out = block(states, *args, **kwargs)
        states = out[0] if isinstance(out, tuple) else out  # transformers 4 wraps them in a tuple
    return states


class Passage:
    """A text encoder's blocks, and what they are handed."""

    def __init__(self, anatomy: Anatomy, config: Any) -> None:
        """``config`` is the model's, which knows the attention kernel."""
        self._anatomy = anatomy
        self._config = config
        self._calls: dict[tuple[Any, ...], Call] = {}

    def run(self, states: Tensor, first: int, stop: int) -> Tensor:
        """States (n, w, width) at the input of block ``first`` to those at the input of block ``stop``, unmasked."""
        return through(self._anatomy.blocks[first:stop], states, self._call_of(states, states.shape[1]))

    def reading(self, seen: Tensor, positions: Tensor | None = None) -> Run:
        """The way of causal blocks with each place reading what it has ``seen`` (n, w, w) alone.

        ``positions`` (n, w): where each place stands in its prompt; None: in the order of the row.

        BackboneError where the attention kernel takes no mask.
        """
        kernel = str(getattr(self._config, "_attn_implementation", None))
        if "flash" in kernel or "flex" in kernel:
            raise BackboneError(
                f"text encoder: its attention kernel {kernel} takes no mask; load it with attn_implementation='sdpa'"
            )
        length = seen.shape[1] if positions is None else int(positions.max()) + 1

        def run(states: Tensor, first: int, stop: int) -> Tensor:
            args, kwargs = self._call_of(states, length)
            mask = torch.zeros(seen.shape, dtype=states.dtype, device=states.device)
            mask = mask.masked_fill(~seen.to(states.device), torch.finfo(states.dtype).min)[:, None]
            # some versions hand masks over by place: the prompts' own and the causal one, which both are in this one
            masked = {} if args else {"attention_mask": mask}
            args = (mask, *(None for _ in args[1:])) if args else ()
            return through(self._anatomy.blocks[first:stop], states, (args, {**_placed(kwargs, positions), **masked}))

        return run

    def _call_of(self, states: Tensor, length: int) -> Call:
        """What the model hands to a block, recorded once for each length, type, device and attention kernel."""
        kernel = getattr(self._config, "_attn_implementation", None)
        key = (length, states.dtype, states.device, kernel)
        if key not in self._calls:
            ids = torch.zeros(1, length, dtype=torch.long, device=states.device)
            # not in inference mode: a mask made there could not take part in a backward pass later
            with torch.inference_mode(False), torch.no_grad():
                # the last block's call: T5's first one makes the position bias that the others are handed
                self._calls[key] = handed(self._anatomy.blocks[-1], lambda: self._anatomy.forward(ids))
        return self._calls[key]


def _placed(kwargs: Mapping[str, Any], positions: Tensor | None) -> dict[str, Any]:
    """Rotary position embeddings (..., 1, w, d) as (..., n, w', d) for places in ``positions`` (n, w')."""
    if positions is None:
        return dict(kwargs)
    embeddings = {name: pair for name, pair in kwargs.items() if name.startswith("position_embeddings") and pair}
    moved = {name: tuple(one.squeeze(-3)[..., positions, :] for one in pair) for name, pair in embeddings.items()}
    return {**kwargs, **moved}
