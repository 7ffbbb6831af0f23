"""A CLIP text encoder, taken apart: its blocks one by one, the inputs of its feed-forward layers, its token positions.

The encoder is found by structure, so that transformers 4 (``model.text_model.encoder``), transformers 5
(``model.encoder``) and the variant with a projection are one. Run block by block it gives what the model itself
gives, bit for bit: the attention mask and whatever else the installed transformers hands to a block is recorded from
the model's own forward pass, never rebuilt here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone import subject as subjects
from overpaint.backbone.subject import Subject
from overpaint.errors import BackboneError

__all__ = ["TextEncoder", "text_core"]

LEGACY_EOS = 2
"""Configurations older than transformers 4.31 carry this wrong end-token id; the models then pool at the largest id."""


def text_core(model: Any) -> Any:
    """The module that holds ``embeddings``, ``encoder.layers`` and ``final_layer_norm``. BackboneError if none does."""
    for core in (getattr(model, "text_model", None), model):
        if core is None or not all(hasattr(core, part) for part in ("embeddings", "encoder", "final_layer_norm")):
            continue
        blocks = getattr(core.encoder, "layers", None)
        if blocks and all(isinstance(getattr(getattr(b, "mlp", None), "fc2", None), nn.Linear) for b in blocks):
            return core
    raise BackboneError(
        f"text encoder {type(model).__name__}: not a CLIP text model; use a Stable Diffusion 1.x or 2.x"
    )


class TextEncoder:
    """One CLIP text encoder of a pipeline and its tokenizer.

    Shapes below: n prompts, ``window`` positions, ``width`` of the residual stream, ``key_width`` of the feed-forward
    layers. Nothing is cast or moved, nothing in the model is changed; gradients flow through everything but ``encode``.
    """

    def __init__(self, model: Any, tokenizer: Any, name: str = "text_encoder") -> None:
        """``name`` is the pipeline's component name, "text_encoder" or "text_encoder_2"."""
        core = text_core(model)
        if getattr(model.config, "use_attention_mask", False):
            raise BackboneError(f"{name}: is configured to mask padding (use_attention_mask); no known model does so")
        self.model = model
        self.core = core
        self.tokenizer = tokenizer
        self.name = name
        self.blocks: list[nn.Module] = list(core.encoder.layers)
        positions = core.embeddings.position_embedding.num_embeddings
        self.window: int = min(int(tokenizer.model_max_length), positions)
        self.width: int = self.fc2(0).out_features
        self.key_width: int = self.fc2(0).in_features
        self._offsets = _with_offsets(tokenizer)
        self._calls: dict[tuple[Any, ...], tuple[tuple[Any, ...], dict[str, Any]]] = {}

    @property
    def device(self) -> torch.device:
        """Where the weights are now."""
        device: torch.device = self.core.final_layer_norm.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' type, and that of the states."""
        dtype: torch.dtype = self.core.final_layer_norm.weight.dtype
        return dtype

    # ---- text to tokens -------------------------------------------------------------------------------------------

    def tokenize(self, prompts: Sequence[str]) -> Tensor:
        """Token ids (n, window) int64, padded and cut as the diffusers pipelines do."""
        encoded = self.tokenizer(
            list(prompts), padding="max_length", max_length=self.window, truncation=True, return_tensors="pt"
        )
        ids: Tensor = encoded.input_ids
        return ids.to(self.device)

    def locate(self, template: str, subject: str) -> Subject:
        """Token positions of ``subject`` in the slot of ``template``; see `overpaint.backbone.subject.locate`."""
        found = subjects.locate(self._offsets, self.window, template, subject)
        self._check_offsets(found.prompt)
        return found

    def locate_empty(self, template: str = "{}") -> Subject:
        """The template with an empty slot; ``last`` is the begin token, position 0."""
        return subjects.locate_empty(self._offsets, self.window, template)

    # ---- tokens to states -----------------------------------------------------------------------------------------

    def embed(self, ids: Tensor) -> Tensor:
        """Input of block 0 (n, window, width): token plus position embedding."""
        states: Tensor = self.core.embeddings(input_ids=ids)
        return states

    def run(self, states: Tensor, first: int, stop: int) -> Tensor:
        """States (n, window, width) at the input of block ``first`` to those at the input of block ``stop``.

        Causal mask and no padding mask, as in the pipelines. ``run(embed(ids), 0, len(blocks))`` is the output of the
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
        """The final layer norm (n, window, width): what cross-attention reads."""
        final: Tensor = self.core.final_layer_norm(states)
        return final

    def pooled(self, final: Tensor, ids: Tensor) -> Tensor:
        """The final state at the end token (n, width), without projection: the model's ``pooler_output``."""
        return final[torch.arange(len(final), device=final.device), self.end_positions(ids).to(final.device)]

    def end_positions(self, ids: Tensor) -> Tensor:
        """Position (n,) of the first end token of each row, by the rule the model itself pools with."""
        eos = getattr(self.core, "eos_token_id", self.model.config.eos_token_id)
        if eos == LEGACY_EOS:
            return ids.to(torch.int).argmax(dim=-1)
        return torch.eq(ids, eos).int().argmax(dim=-1)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """Final states (n, window, width) of the prompts, equal to the pipeline's ``encode_prompt``; no gradients."""
        return self.finish(self.run(self.embed(self.tokenize(prompts)), 0, len(self.blocks)))

    # ---- parameters -----------------------------------------------------------------------------------------------

    def fc2(self, block: int) -> nn.Linear:
        """The second feed-forward layer of a block, weight (width, key_width)."""
        mlp: Any = self.blocks[block].mlp
        layer: nn.Linear = mlp.fc2
        return layer

    def fc2_name(self, block: int) -> str:
        """The published name of its weight, the same for every version of transformers."""
        return f"{self.name}.text_model.encoder.layers.{block % len(self.blocks)}.mlp.fc2.weight"

    # ---- inside ---------------------------------------------------------------------------------------------------

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

            handle = self.blocks[0].register_forward_pre_hook(record, with_kwargs=True)
            try:
                # not in inference mode: a mask made there could not take part in a backward pass later
                with torch.inference_mode(False), torch.no_grad():
                    self.model(torch.zeros(1, states.shape[1], dtype=torch.long, device=states.device))
            finally:
                handle.remove()
            self._calls[key] = calls[0]
        return self._calls[key]

    def _check_offsets(self, prompt: str) -> None:
        """A slow tokenizer has no offsets; its fast twin may be trusted only where both agree."""
        if self._offsets is self.tokenizer:
            return
        if self._offsets(prompt)["input_ids"] != self.tokenizer(prompt)["input_ids"]:
            raise BackboneError(
                f"prompt {prompt!r}: the slow and the fast form of this tokenizer disagree on it; load the pipeline"
                " with tokenizer=CLIPTokenizerFast"
            )


def _first(output: Any) -> Tensor:
    """A block's output states: transformers 4 wraps them in a tuple."""
    states: Tensor = output[0] if isinstance(output, tuple) else output
    return states


def _with_offsets(tokenizer: Any) -> Any:
    """The tokenizer itself, or for a slow one (the default of transformers 4) its fast twin, which knows offsets."""
    if tokenizer.is_fast:
        return tokenizer
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import convert_slow_tokenizer

    return PreTrainedTokenizerFast(
        tokenizer_object=convert_slow_tokenizer(tokenizer),
        bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
        unk_token=tokenizer.unk_token,
        pad_token=tokenizer.pad_token,
    )
