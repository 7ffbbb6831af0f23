"""How pipelines ask their denoiser for the two predictions that guidance combines: what a guard goes by, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.sampling import in_halves

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
        apart: whether the pipeline asks in two calls instead, for the prompts, then for the empty prompt; batches are
            halves there where the library's sampler draws.
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
        """States that a call reads of every prompt; 0 where a prompt has as many as it has tokens."""
        return 0 if self.window is None else int(asked[self.texts].shape[1])

    def doubled(self, latents: Any) -> bool:
        """Whether a batch is two halves for the same latents."""
        half = len(latents) // 2
        if len(latents) % 2 or (self.apart and not in_halves()):
            return False
        if self.listed:
            return all(map(torch.equal, latents[:half], latents[half:]))
        return torch.equal(latents[:half], latents[half:])

    def raw(self, output: Any) -> Tensor:
        """Predictions (n, ...) in an output, the way that rules reckon."""
        return -torch.stack(list(output[0])) if self.listed else output[0]

    def output(self, raw: Tensor, like: Any) -> Any:
        """An output with such predictions (n, ...)."""
        found = list(-raw) if self.listed else raw
        return (found, *like[1:]) if isinstance(like, tuple) else type(like)(sample=found)


_TRANSFORMER = Layout(window=lambda pipe, rows: rows - int(pipe.tokenizer_max_length))
"""Stable Diffusion 3's; the first of its states are CLIP's, of which there are always as many."""
_LISTED = Layout("x", "t", "cap_feats", prompts_first=True, listed=True)
_MASKED = Layout(mask="encoder_hidden_states_mask", apart=True)
_APART = Layout(apart=True, window=lambda _, rows: rows)

_DENOISERS: Mapping[str, Layout] = MappingProxyType(
    {"UNet2DConditionModel": Layout(latents="sample"), "SD3Transformer2DModel": _TRANSFORMER}
)
"""By class, whatever the pipeline."""
_PIPELINES: Mapping[str, Layout] = MappingProxyType(
    {
        "ZImagePipeline": _LISTED,
        "ZImageImg2ImgPipeline": _LISTED,
        "ZImageInpaintPipeline": _LISTED,
        "QwenImagePipeline": _MASKED,
        "QwenImageImg2ImgPipeline": _MASKED,
        "QwenImageInpaintPipeline": _MASKED,
        "QwenImageControlNetPipeline": _MASKED,
        "QwenImageControlNetInpaintPipeline": _MASKED,
        "Flux2KleinPipeline": _APART,
        "Flux2KleinInpaintPipeline": _APART,
    }
)
"""Others of these families read pictures beside the prompt, or predict once for each step."""


def layout_of(pipe: Any) -> tuple[Any, Layout] | None:
    """The denoiser of a pipeline and how it is asked; None if it is not known to ask for two predictions."""
    denoiser = next((part for name in ("unet", "transformer") if (part := getattr(pipe, name, None)) is not None), None)
    found = _DENOISERS.get(type(getattr(denoiser, "_orig_mod", denoiser)).__name__)  # compiled ones wrap theirs
    if found is None and not pipe.config.get("is_distilled"):
        found = next((_PIPELINES[kind.__name__] for kind in type(pipe).__mro__ if kind.__name__ in _PIPELINES), None)
    return None if found is None else (denoiser, found)
