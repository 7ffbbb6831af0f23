"""A text encoder, taken apart: its blocks one by one, the inputs of its feed-forward layers, its token positions.

The encoder is found by structure, so that transformers 4 (``model.text_model.encoder``), transformers 5
(``model.encoder``) and the variant with a projection are one. Run block by block it gives what the model itself
gives, bit for bit: the attention mask and whatever else the installed transformers hands to a block is recorded from
the model's own forward pass, never rebuilt here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.anatomy import dissect, text_core
from overpaint.backbone.subject import Subject
from overpaint.backbone.tokens import Tokens
from overpaint.errors import BackboneError

__all__ = ["Encoded", "Run", "TextEncoder", "text_core"]

Run = Callable[[Tensor, int, int], Tensor]
"""States at the input of a block to those at the input of a later one."""

LEGACY_EOS = 2
"""Configurations older than transformers 4.31 carry this wrong end-token id; the models then pool at the largest id."""


@dataclass(frozen=True)
class Encoded:
    """n prompts behind one text encoder.

    Attributes:
        ids: token ids (n, w).
        states: (n, w, width), what the denoiser is given of it, token by token.
        final: (n, w, width), behind the last block and norm, where the text as a whole is read off.
    """

    ids: Tensor
    states: Tensor
    final: Tensor


class TextEncoder:
    """One text encoder of a pipeline and its tokenizer.

    Shapes below: n prompts, ``window`` positions, ``width`` of the residual stream, ``key_width`` of the feed-forward
    layers. Nothing is cast or moved, nothing in the model is changed; gradients flow through everything but ``encode``.

    Attributes:
        depth: blocks whose work the denoiser sees token by token: all, or all but the last ``skip``.
        causal: whether no position reads a later one.
        begin: tokens that precede every prompt.
        padded: whether the denoiser reads the padding.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str = "text_encoder",
        skip: int = 0,
        window: int | None = None,
        chat: tuple[str, str] | None = None,
    ) -> None:
        """``name`` is the pipeline's component name, "text_encoder" or "text_encoder_2".

        ``skip``: the denoiser is given the states before so many last blocks, without the final norm; 0: behind it.
        ``window``: positions that the pipeline uses, if not all that the tokenizer allows. ``chat``: what the pipeline
        puts before and behind a prompt; the denoiser then reads that too, and no padding.
        """
        anatomy = dissect(model)
        if getattr(model.config, "use_attention_mask", False):
            raise BackboneError(f"{name}: is configured to mask padding (use_attention_mask); no known model does so")
        self.model = model
        self.core = anatomy.core
        self.tokenizer = tokenizer
        self.name = name
        self.blocks = anatomy.blocks
        self.depth = len(self.blocks) - skip
        self.causal = anatomy.causal
        self._anatomy = anatomy
        self.window: int = min(int(tokenizer.model_max_length), window or anatomy.positions or sys.maxsize)
        self.width: int = self.fc2(0).out_features
        self.key_width: int = self.fc2(0).in_features
        self.padded = chat is None
        self._tokens = Tokens(tokenizer, self.window, anatomy.begin, chat)
        self.begin = self._tokens.begin
        self._calls: dict[tuple[Any, ...], tuple[tuple[Any, ...], dict[str, Any]]] = {}

    @property
    def encoders(self) -> tuple[str, ...]:
        """Itself; see `overpaint.backbone.reading.Reader`."""
        return (self.name,)

    @property
    def device(self) -> torch.device:
        """Where the weights are now."""
        device: torch.device = self._norm.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' type, and that of the states."""
        dtype: torch.dtype = self._norm.weight.dtype
        return dtype

    # ---- text to tokens -------------------------------------------------------------------------------------------

    def tokenize(self, prompts: Sequence[str]) -> Tensor:
        """Token ids (n, window) int64, padded and cut as the diffusers pipelines do."""
        return self._tokens.ids(prompts).to(self.device)

    def locate(self, template: str, subject: str) -> Subject:
        """Token positions of ``subject`` in the slot of ``template``; see `overpaint.backbone.subject.locate`."""
        return self._tokens.locate(template, subject)

    def locate_empty(self, template: str = "{}") -> Subject:
        """The template with an empty slot; see `overpaint.backbone.subject.locate_empty`."""
        return self._tokens.locate_empty(template)

    # ---- tokens to states -----------------------------------------------------------------------------------------

    def embed(self, ids: Tensor) -> Tensor:
        """Input of block 0 (n, window, width): token plus position embedding."""
        return self._anatomy.embed(ids)

    def run(self, states: Tensor, first: int, stop: int) -> Tensor:
        """States (n, window, width) at the input of block ``first`` to those at the input of block ``stop``.

        No padding mask, as in the pipelines. ``run(embed(ids), 0, len(blocks))`` is the output of the
        last block, before the final layer norm.
        """
        args, kwargs = self._call_of(states)
        for block in self.blocks[first:stop]:
            states = _first(block(states, *args, **kwargs))
        return states

    def mlp_input(self, states: Tensor, block: int) -> Tensor:
        """The keys of a block, the inputs of its fc2 (n, window, key_width), given the block's input states."""
        return self.block_with_mlp(states, block)[1]

    def block_with_mlp(self, states: Tensor, block: int) -> tuple[Tensor, Tensor, Tensor]:
        """One block on its input states: its output, its keys (inputs of fc2) and its fc2 output.

        Shapes (n, window, width), (n, window, key_width), (n, window, width).
        """
        seen: list[tuple[Tensor, Tensor]] = []

        def record(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            seen.append((args[0], output))

        self._call_of(states)  # before the hook, which would see this pass too
        handle = self.fc2(block).register_forward_hook(record)
        try:
            out = self.run(states, block, block + 1)
        finally:
            handle.remove()
        keys, values = seen[0]
        return out, keys, values

    def finish(self, states: Tensor) -> Tensor:
        """The final norm (n, window, width)."""
        final: Tensor = self._norm(states)
        return final

    def read(self, states: Tensor, first: int = 0) -> Tensor:
        """What the denoiser is given (n, window, width), from states at the input of block ``first``."""
        states = self.run(states, first, self.depth)
        return self.finish(states) if self.depth == len(self.blocks) else states

    def states_in(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """See `overpaint.backbone.reading.Reader`."""
        return encoded[self.name].states

    def encoded(self, ids: Tensor, states: Tensor, first: int = 0, run: Run | None = None) -> Encoded:
        """All that can be read off, from states at the input of block ``first``; ``run`` in place of the own one."""
        run = run or self.run
        read = run(states, first, self.depth)
        final = self.finish(run(read, self.depth, len(self.blocks)))
        return Encoded(ids, final if self.depth == len(self.blocks) else read, final)

    def pooled(self, final: Tensor, ids: Tensor) -> Tensor:
        """The final state at the end token (n, width), without projection: the model's ``pooler_output``."""
        return final[torch.arange(len(final), device=final.device), self.end_positions(ids).to(final.device)]

    def end_positions(self, ids: Tensor) -> Tensor:
        """Position (n,) of the first end token of each row, by the rule the model itself pools with; of the last token
        of a chat."""
        if not self.padded:
            return (ids != self.tokenizer.pad_token_id).sum(dim=-1) - 1
        eos = getattr(self.core, "eos_token_id", self.model.config.eos_token_id)
        if eos == LEGACY_EOS:
            return ids.to(torch.int).argmax(dim=-1)
        return torch.eq(ids, eos).int().argmax(dim=-1)

    def embedding(self, final: Tensor, ids: Tensor) -> Tensor:
        """The text as one vector (n, .): the pooled state, projected where the model has a projection."""
        pooled = self.pooled(final, ids)
        projection = getattr(self.model, "text_projection", None)
        return pooled if projection is None else projection(pooled)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str], length: int | None = None) -> Tensor:
        """What the denoiser is given (n, window, width), equal to the pipeline's ``encode_prompt``; no gradients.

        With a ``length``, the first positions alone, which are then all that is computed where attention is causal.
        """
        ids = self.tokenize(prompts)
        if length is not None and self.causal:
            ids = ids[:, :length]
        return self.read(self.embed(ids))[:, :length]

    def encode_all(self, prompts: Sequence[str]) -> Encoded:
        """All that can be read off prompts."""
        ids = self.tokenize(prompts)
        return self.encoded(ids, self.embed(ids))

    @torch.no_grad()
    def embeddings(self, prompts: Sequence[str], chunk: int = 64) -> Tensor:
        """Each prompt as one vector (n, .): `embedding`; no gradients."""
        parts = [prompts[i : i + chunk] for i in range(0, len(prompts), chunk)]
        encoded = map(self.encode_all, parts)
        return torch.cat([self.embedding(one.final, one.ids) for one in encoded])

    # ---- parameters -----------------------------------------------------------------------------------------------

    def fc2(self, block: int) -> nn.Linear:
        """The second feed-forward layer of a block, weight (width, key_width)."""
        return self._anatomy.outputs[block]

    def fc2_name(self, block: int) -> str:
        """The published name of its weight, the same for every version of transformers."""
        return f"{self.name}.{self._anatomy.published.format(block % len(self.blocks))}"

    # ---- inside ---------------------------------------------------------------------------------------------------

    @property
    def _norm(self) -> Any:
        return self._anatomy.norm

    def _call_of(self, states: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the model hands to a block beside its states (the mask, in the form this transformers wants it).

        Recorded once for each length, dtype, device and attention kernel from a forward pass over one row; a mask of
        one row serves every batch.
        """
        kernel = getattr(self.model.config, "_attn_implementation", None)
        key = (states.shape[1], states.dtype, states.device, kernel)
        if key not in self._calls:
            calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

            def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                calls.append((args[1:], {k: v for k, v in kwargs.items() if k != "hidden_states"}))

            # the last block's call: T5's first one makes the position bias that the others are handed
            handle = self.blocks[-1].register_forward_pre_hook(record, with_kwargs=True)
            try:
                # not in inference mode: a mask made there could not take part in a backward pass later
                with torch.inference_mode(False), torch.no_grad():
                    self._anatomy.forward(torch.zeros(1, states.shape[1], dtype=torch.long, device=states.device))
            finally:
                handle.remove()
            self._calls[key] = calls[0]
        return self._calls[key]


def _first(output: Any) -> Tensor:
    """A block's output states: transformers 4 wraps them in a tuple."""
    states: Tensor = output[0] if isinstance(output, tuple) else output
    return states
