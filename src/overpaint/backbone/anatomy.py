"""Where the parts of a text encoder are, found by structure: what methods edit is the same in all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from overpaint.errors import BackboneError

__all__ = ["Anatomy", "dissect", "text_core"]


@dataclass(frozen=True)
class Anatomy:
    """A text encoder's parts.

    Attributes:
        core: the module that holds the parts.
        forward: token ids (n, w) through all blocks, without anything kept for a later call. It is the class's own:
            hooks that bring a whole model elsewhere (CPU offload) must not wake while its blocks are run one by one.
        embed: token ids (n, w) to the input of block 0 (n, w, width).
        blocks: residual blocks; each ends by adding the output of its feed-forward layer.
        outputs: the last linear map of each block's feed-forward layer, weight (width, key_width).
        inputs: the first linear map of each of them, and what acts on what it gives, unit by unit; None where units are
            products of two.
        published: published name of a block's output weight, ``{}`` for its number.
        norm: what follows the last block.
        causal: whether no position reads a later one.
        begin: tokens that precede every prompt.
        positions: length of the longest row, or None if there is no limit.
    """

    core: Any
    forward: Callable[[Tensor], Any]
    embed: Callable[[Tensor], Tensor]
    blocks: list[nn.Module]
    outputs: list[nn.Linear]
    published: str
    norm: nn.Module
    causal: bool
    begin: int
    positions: int | None = None
    inputs: list[tuple[nn.Linear, Callable[[Tensor], Tensor]]] | None = None


def dissect(model: Any) -> Anatomy:
    """The anatomy of a CLIP text model, a T5 encoder or a language model. BackboneError for any other."""
    if isinstance(getattr(getattr(model, "encoder", None), "block", None), nn.ModuleList):
        return _t5(model.encoder)
    for path, part in model.named_modules():
        if all(hasattr(part, name) for name in ("embed_tokens", "layers", "norm")):
            return _language_model(part, path)
    core = text_core(model)
    blocks = list(core.encoder.layers)
    return Anatomy(
        core=core,
        forward=partial(type(model).forward, model),
        embed=lambda ids: core.embeddings(input_ids=ids),
        blocks=blocks,
        outputs=[block.mlp.fc2 for block in blocks],
        published="text_model.encoder.layers.{}.mlp.fc2.weight",
        norm=core.final_layer_norm,
        causal=True,
        begin=1,
        positions=core.embeddings.position_embedding.num_embeddings,
        inputs=[(block.mlp.fc1, block.mlp.activation_fn) for block in blocks],
    )


def _t5(core: Any) -> Anatomy:
    """T5 (arXiv 1910.10683): positions are in the attention, which runs both ways; nothing precedes a prompt."""
    blocks = list(core.block)
    return Anatomy(
        core=core,
        forward=partial(type(core).forward, core),
        embed=core.embed_tokens,
        blocks=blocks,
        outputs=[block.layer[-1].DenseReluDense.wo for block in blocks],
        published="encoder.block.{}.layer.1.DenseReluDense.wo.weight",
        norm=core.final_layer_norm,
        causal=False,
        begin=0,
    )


def _language_model(core: Any, path: str) -> Anatomy:
    """A decoder such as Qwen3 (arXiv 2505.09388); what precedes every prompt is the pipeline's chat template's."""
    blocks = list(core.layers)
    return Anatomy(
        core=core,
        forward=partial(type(core).forward, core, use_cache=False),
        embed=core.embed_tokens,
        blocks=blocks,
        outputs=[block.mlp.down_proj for block in blocks],
        published=f"{path + '.' if path else ''}layers.{{}}.mlp.down_proj.weight",
        norm=core.norm,
        causal=True,
        begin=0,
    )


def text_core(model: Any) -> Any:
    """The module that holds ``embeddings``, ``encoder.layers`` and ``final_layer_norm``. BackboneError if none does."""
    for core in (getattr(model, "text_model", None), model):
        if core is None or not all(hasattr(core, part) for part in ("embeddings", "encoder", "final_layer_norm")):
            continue
        blocks = getattr(core.encoder, "layers", None)
        if blocks and all(isinstance(getattr(getattr(b, "mlp", None), "fc2", None), nn.Linear) for b in blocks):
            return core
    raise BackboneError(
        f"text encoder {type(model).__name__}: not a CLIP text model, T5 encoder or language model; its family is not"
        " supported"
    )
