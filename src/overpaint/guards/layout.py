"""How pipelines ask their denoiser for the two predictions that guidance combines: what a guard goes by, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

__all__ = ["Layout", "layout_of"]


@dataclass(frozen=True)
class Layout:
    """A denoiser's calls.

    Most pipelines hand the denoiser one batch, whose first half is for the empty prompt and whose second half, the same
    latents again, is for the prompts; so does the library's sampler, whose halves stand as the pipeline's do.

    Attributes:
        latents, time, texts, mask: what the denoiser calls them; no mask if it does not read one.
        prompts_first: whether the prompts' half is the first.
        listed: whether latents, texts and predictions are lists with an entry per row; time runs forwards there, and
            predictions are the negative of what they are elsewhere.
        apart: whether the pipeline asks in two calls instead, for the prompts, then for the empty prompt.
        window: the ``max_sequence_length`` of a pipeline whose prompts fill as many rows as these; None if it is not
            asked for one, or shortens long prompts by it and nothing else.
    """

    latents: str = "hidden_states"
    time: str = "timestep"
    texts: str = "encoder_hidden_states"
    mask: str | None = None
    prompts_first: bool = False
    listed: bool = False
    apart: bool = False
    window: Callable[[Any, int], int] | None = None

    def clock(self, asked: Mapping[str, Any]) -> float:
        """A time of a call that falls while drawing."""
        return float(torch.as_tensor(asked[self.time]).flatten()[0]) * (-1 if self.listed else 1)

    def read(self, asked: Mapping[str, Any]) -> int:
        """States that are read of each prompt in a call; of the longest, where lengths differ."""
        texts = asked[self.texts]
        return max(map(len, texts)) if self.listed else int(texts.shape[1])

    def doubled(self, latents: Any) -> bool:
        """Whether the second half is the first half again."""
        half = len(latents) // 2
        if len(latents) % 2:
            return False
        if self.listed:
            return all(map(torch.equal, latents[:half], latents[half:]))
        return torch.equal(latents[:half], latents[half:])

    def raw(self, output: Any) -> Tensor:
        """Predictions (n, ...) in an output, the way that rules reckon."""
        return -torch.stack(list(output[0])) if self.listed else output[0]

    def output(self, raw: Tensor, like: Any) -> Any:
        """An output with such predictions."""
        found = list(-raw) if self.listed else raw
        return (found, *like[1:]) if isinstance(like, tuple) else type(like)(sample=found)


_LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        # the first of their states are CLIP's, of which there are always as many
        "SD3Transformer2DModel": Layout(window=lambda pipe, rows: rows - int(pipe.tokenizer_max_length)),
        "ZImageTransformer2DModel": Layout("x", "t", "cap_feats", prompts_first=True, listed=True),
        "QwenImageTransformer2DModel": Layout(mask="encoder_hidden_states_mask", apart=True),
        "Flux2Transformer2DModel": Layout(apart=True, window=lambda _, rows: rows),
    }
)


def layout_of(pipe: Any) -> tuple[Any, Layout] | None:
    """The denoiser of a pipeline and how it is asked; None if it has none that a guard knows."""
    if getattr(pipe, "unet", None) is not None:
        return pipe.unet, Layout(latents="sample")
    transformer = getattr(pipe, "transformer", None)
    layout = _LAYOUTS.get(type(transformer).__name__)
    return None if layout is None else (transformer, layout)
