"""The way of states through a text encoder's blocks, one block after the other.

What a model hands to a block beside its states (the mask, positions, in the form that the installed transformers
wants) is recorded from the model's own forward pass, never rebuilt here. One row serves every batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.anatomy import Anatomy
from overpaint.errors import BackboneError

__all__ = ["Passage"]


class Passage:
    """A text encoder's blocks, and what they are handed."""

    def __init__(self, anatomy: Anatomy, config: Any) -> None:
        """``config`` is the model's, which knows the attention kernel."""
        self._anatomy = anatomy
        self._config = config
        self._calls: dict[tuple[Any, ...], tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def prepare(self, states: Tensor) -> None:
        """Record what blocks are handed for states (n, w, width) of this form, if nobody did yet."""
        self._call_of(states)

    def run(self, states: Tensor, first: int, stop: int) -> Tensor:
        """States (n, w, width) at the input of block ``first`` to those at the input of block ``stop``, unmasked."""
        args, kwargs = self._call_of(states)
        return self._through(states, first, stop, args, kwargs)

    def run_masked(self, states: Tensor, first: int, stop: int, real: Tensor) -> Tensor:
        """The same of causal blocks with all positions reading those alone that are ``real`` (n, w).

        BackboneError where the attention kernel takes no mask.
        """
        kernel = str(getattr(self._config, "_attn_implementation", None))
        if "flash" in kernel or "flex" in kernel:
            raise BackboneError(
                f"text encoder: its attention kernel {kernel} takes no mask; load it with attn_implementation='sdpa'"
            )
        args, kwargs = self._call_of(states)
        seen = real[:, None, None, :] & real.new_ones(real.shape[1], real.shape[1]).tril()
        mask = torch.zeros(seen.shape, dtype=states.dtype, device=states.device)
        mask = mask.masked_fill(~seen.to(states.device), torch.finfo(states.dtype).min)
        return self._through(states, first, stop, args, {**kwargs, "attention_mask": mask})

    def _through(
        self, states: Tensor, first: int, stop: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Tensor:
        for block in self._anatomy.blocks[first:stop]:
            out = block(states, *args, **kwargs)
            states = out[0] if isinstance(out, tuple) else out  # transformers 4 wraps them in a tuple
        return states

    def _call_of(self, states: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the model hands to a block, recorded once for each length, type, device and attention kernel."""
        kernel = getattr(self._config, "_attn_implementation", None)
        key = (states.shape[1], states.dtype, states.device, kernel)
        if key not in self._calls:
            calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

            def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                calls.append((args[1:], {k: v for k, v in kwargs.items() if k != "hidden_states"}))

            # the last block's call: T5's first one makes the position bias that the others are handed
            handle = self._anatomy.blocks[-1].register_forward_pre_hook(record, with_kwargs=True)
            try:
                # not in inference mode: a mask made there could not take part in a backward pass later
                with torch.inference_mode(False), torch.no_grad():
                    self._anatomy.forward(torch.zeros(1, states.shape[1], dtype=torch.long, device=states.device))
            finally:
                handle.remove()
            self._calls[key] = calls[0]
        return self._calls[key]
