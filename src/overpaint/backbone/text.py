"""A text encoder, taken apart: its blocks one by one, the inputs of its feed-forward layers, its token positions.

The encoder is found by structure, so that transformers 4 (``model.text_model.encoder``), transformers 5
(``model.encoder``) and the variant with a projection are one. Run block by block it gives what the model itself
gives, bit for bit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.anatomy import dissect, text_core
from overpaint.backbone.passage import Passage, Run
from overpaint.backbone.subject import Subject
from overpaint.backbone.tokens import Tokens
from overpaint.errors import BackboneError

__all__ = ["Encoded", "Run", "TextEncoder", "text_core"]

LEGACY_EOS = 2
"""Configurations older than transformers 4.31 carry this wrong end-token id; the models then pool at the largest id."""


@dataclass(frozen=True)
class Encoded:
    """n prompts behind one text encoder.

    Attributes:
        ids: token ids (n, w).
        states: (n, w, given), what the denoiser is given of it, token by token.
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
        depths: behind so many blocks the states are read that the denoiser is given token by token, side by side.
        depth: the first of them: of what these blocks do, the denoiser sees nothing unchanged.
        given: width of what the denoiser is given, ``width`` for each of ``depths``.
        causal: whether no position reads a later one.
        begin: tokens that precede every prompt.
        chat: whether the pipeline puts words around a prompt.
        padded: whether the denoiser reads the padding.
        masked: whether padding reads the prompt alone; elsewhere it is read by and reads all that attention allows.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str = "text_encoder",
        skip: int = 0,
        window: int | None = None,
        chat: tuple[str, str] | None = None,
        depths: Sequence[int] | None = None,
        masked: bool = False,
    ) -> None:
        """``name`` is the pipeline's component name, "text_encoder" or "text_encoder_2".

        ``skip``: the denoiser is given the states before so many last blocks, without the final norm; 0: behind it.
        ``window``: positions that the pipeline uses, if not all that the tokenizer allows. ``chat``: what the pipeline
        puts before and behind a prompt; the denoiser then reads that too, and no padding unless it is ``masked``.
        ``depths``: see above, rising; in place of ``skip`` where there are several.

        Raises BackboneError for an encoder of unknown structure, or one that is configured to mask padding.
        """
        anatomy = dissect(model)
        if getattr(model.config, "use_attention_mask", False):
            raise BackboneError(f"{name}: is configured to mask padding (use_attention_mask); no known model does so")
        self.model = model
        self.core = anatomy.core
        self.tokenizer = tokenizer
        self.name = name
        self.blocks = anatomy.blocks
        self.depths = tuple(depths or (len(self.blocks) - skip,))
        self.depth = self.depths[0]
        self.causal = anatomy.causal
        self._anatomy = anatomy
        self.window: int = min(int(tokenizer.model_max_length), window or anatomy.positions or sys.maxsize)
        self.width: int = self.fc2(0).out_features
        self.key_width: int = self.fc2(0).in_features
        self.given = self.width * len(self.depths)
        self.chat = chat is not None
        self.padded = masked or not self.chat
        self.masked = masked
        self._tokens = Tokens(tokenizer, self.window, anatomy.begin, chat)
        self.begin = self._tokens.begin
        self._passage = Passage(anatomy, model.config)

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

        No padding mask, as in most pipelines; `way` has one where there is one. ``run(embed(ids), 0, len(blocks))`` is
        the output of the last block, before the final layer norm.
        """
        return self._passage.run(states, first, stop)

    def way(self, ids: Tensor) -> Run:
        """`run` as the pipeline takes prompts (n, w) through the blocks: `masked` padding is read by no position.

        Prompts' own states are the same in both where attention is causal.
        """
        if not self.masked:
            return self.run
        real = torch.arange(ids.shape[1], device=ids.device) <= self.end_positions(ids)[:, None].to(ids.device)
        if bool(real.all()):
            return self.run
        return self.reading(real[:, None] & real.new_ones(real.shape[1], real.shape[1]).tril())

    def reading(self, seen: Tensor, positions: Tensor | None = None) -> Run:
        """The way of rows (n, w) whose places read what they have ``seen`` (n, w, w) alone, where attention is causal.

        ``positions`` (n, w): where each place stands in its prompt, if rows are not prompts in their order.

        BackboneError where the attention kernel takes no mask.
        """
        return self._passage.reading(seen, positions)

    def mlp_input(self, states: Tensor, block: int, run: Run | None = None) -> Tensor:
        """The keys of a block, the inputs of its fc2 (n, window, key_width), given the block's input states."""
        return self.block_with_mlp(states, block, run)[1]

    def block_with_mlp(self, states: Tensor, block: int, run: Run | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """One block on its input states: its output, its keys (inputs of fc2) and its fc2 output.

        Shapes (n, window, width), (n, window, key_width), (n, window, width); ``run`` in place of the own one.
        """
        seen: list[tuple[Tensor, Tensor]] = []

        def record(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            seen.append((args[0], output))

        handle = self.fc2(block).register_forward_hook(record)
        try:
            out = (run or self.run)(states, block, block + 1)
        finally:
            handle.remove()
        keys, values = seen[-1]  # the first pass of a length is preceded by one that is recorded
        return out, keys, values

    def finish(self, states: Tensor) -> Tensor:
        """The final norm (n, window, width)."""
        final: Tensor = self._norm(states)
        return final

    def read(self, states: Tensor, first: int = 0, run: Run | None = None) -> Tensor:
        """What the denoiser is given (n, window, given), from states at the input of block ``first``, `depth` at most;
        ``run`` in place of the own one.
        """
        return self._read(states, first, run or self.run)[0]

    def states_in(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """See `overpaint.backbone.reading.Reader`."""
        return encoded[self.name].states

    def encoded(self, ids: Tensor, states: Tensor, first: int = 0, run: Run | None = None) -> Encoded:
        """All that can be read off rows ``ids`` (n, w), from states (n, w, width) at the input of block ``first``.

        ``run`` takes the place of the prompts' own one.
        """
        run = run or self.way(ids)
        given, last = self._read(states, first, run)
        if self.depths == (len(self.blocks),):
            return Encoded(ids, given, given)
        return Encoded(ids, given, self.finish(run(last, self.depths[-1], len(self.blocks))))

    def pooled(self, final: Tensor, ids: Tensor) -> Tensor:
        """The final state at the end token (n, width), without projection: the model's ``pooler_output``."""
        return final[torch.arange(len(final), device=final.device), self.end_positions(ids).to(final.device)]

    def end_positions(self, ids: Tensor) -> Tensor:
        """Position (n,) of the first end token of each row, by the rule the model itself pools with; of the last token
        of a chat."""
        if self.chat:
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
        """What the denoiser is given (n, window, given), equal to the pipeline's ``encode_prompt``; no gradients.

        With a ``length``, the first positions alone, which are then all that is computed where attention is causal.
        """
        ids = self.tokenize(prompts)
        if length is not None and self.causal:
            ids = ids[:, :length]
        return self.read(self.embed(ids), run=self.way(ids))[:, :length]

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

    def fc1(self, block: int) -> nn.Linear:
        """The first feed-forward layer of a block, weight (key_width, width). BackboneError where there are two."""
        return self._units(block)[0]

    def activation(self, block: int) -> Callable[[Tensor], Tensor]:
        """What acts on the outputs (..., key_width) of `fc1`, one by one. BackboneError where it is more than that."""
        return self._units(block)[1]

    def fc2_name(self, block: int) -> str:
        """The published name of its weight, the same for every version of transformers."""
        return f"{self.name}.{self._anatomy.published.format(block % len(self.blocks))}"

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _units(self, block: int) -> tuple[nn.Linear, Callable[[Tensor], Tensor]]:
        if self._anatomy.inputs is None:
            raise BackboneError(f"{self.name}: its feed-forward units are products, and have no thresholds")
        return self._anatomy.inputs[block]

    @property
    def _norm(self) -> Any:
        return self._anatomy.norm

    def _read(self, states: Tensor, first: int, run: Run) -> tuple[Tensor, Tensor]:
        """What the denoiser is given, and the states behind the last of the blocks that it comes from."""
        parts = []
        for stop in self.depths:
            states, first = run(states, first, stop), stop
            parts.append(self.finish(states) if stop == len(self.blocks) else states)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1), states
