"""A pipeline as methods see it: what all model families have in common."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone import sampling
from overpaint.backbone.autoencoder import Autoencoder
from overpaint.backbone.condition import Condition
from overpaint.backbone.parameters import named_parameters
from overpaint.backbone.precision import in_precision, in_training
from overpaint.backbone.reading import Reading
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.halving import in_batches
from overpaint.linear.root import symmetric_root
from overpaint.progress import Progress, Silent

__all__ = ["Backbone"]

TEXT_BATCH = 64


class Backbone(ABC):
    """A text-to-image pipeline.

    The pipeline stays the user's: nothing in it is moved, cast, frozen or replaced. Shapes below: n images, latents
    (c, h, w), text window w and width d. Latents are always scaled ones, as the denoiser sees them.

    Attributes:
        pipe: the pipeline.
        denoiser: its UNet or transformer, under the component name ``denoiser_name``.
        coder: what its autoencoder is taken for.
        prompts_first: whether its pipeline asks for the prompts in the first half of a batch, for the empty prompt in
            the second; guards go by that.
        text_encoders: all text encoders, in the pipeline's order.
        readings: what the denoiser's layers that read text read, each kind by itself.
        family: key of default settings, see `overpaint.backbone.families`.
        latent_shape: (c, h, w) of the size the denoiser was made for.
        timesteps: number T of the noise schedule; t runs from 0 to T - 1.
    """

    denoiser_name: ClassVar[str]
    coder: ClassVar[type[Autoencoder]] = Autoencoder
    prompts_first: ClassVar[bool] = False
    family: str
    latent_shape: tuple[int, int, int]
    timesteps: int

    def __init__(self, pipe: Any, text_encoders: Sequence[TextEncoder]) -> None:
        self.pipe = pipe
        self.text_encoders = list(text_encoders)
        self.denoiser: Any = getattr(pipe, self.denoiser_name)
        self.vae = pipe.vae
        self.autoencoder = self.coder(pipe.vae, pipe.image_processor)

    @property
    def text(self) -> TextEncoder:
        """The first text encoder that the denoiser reads token by token."""
        return self.text_encoders[0]

    @property
    def token_encoders(self) -> list[TextEncoder]:
        """The text encoders that the denoiser reads token by token: all, in most families."""
        return self.text_encoders

    @property
    def device(self) -> torch.device:
        """Where the denoiser computes: where it is, or is brought to by the pipeline's offloading."""
        device: torch.device = self.pipe._execution_device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The denoiser's type, and that of latents."""
        dtype: torch.dtype = self.denoiser.dtype
        return dtype

    @property
    @abstractmethod
    def readings(self) -> list[Reading]:
        """What the denoiser's layers read of a prompt."""

    @property
    @abstractmethod
    def guidance(self) -> float:
        """Default guidance scale."""

    @cached_property
    def metrics(self) -> list[Tensor]:
        """For each of `readings` a root (width, width) of its Gram matrix, float64: ``||R e||`` weighs a change e of a
        state as the denoiser's layers do. Found when first asked for and then kept.
        """
        return [symmetric_root(reading.gram()) for reading in self.readings]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over names, shapes, types and bytes of all parameters of text encoders, denoiser and autoencoder.

        Taken when first asked for and then kept: ask before a patch is applied.
        """
        digest = hashlib.sha256()
        for name, parameter in sorted(named_parameters(self.pipe).items()):
            value = parameter.detach().cpu().contiguous()
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    # ---- text -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def condition(self, encoded: Mapping[str, Encoded]) -> Condition:
        """What the denoiser is told of n prompts, from each text encoder's work on them, by its name."""

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Condition:
        """Conditions of prompts, equal to the pipeline's; no gradients."""
        parts = []
        for first in range(0, len(prompts), TEXT_BATCH):
            part = prompts[first : first + TEXT_BATCH]
            parts.append(self.condition({text.name: text.encode_all(part) for text in self.text_encoders}))
        return Condition.join(parts)

    def unconditional(self, negative: str = "") -> Condition:
        """The one row that guidance leads away from: the pipeline's for this negative prompt."""
        return self.encode([negative])

    def guided(self, conditions: Condition, guidance: float) -> tuple[Condition, float]:
        """Conditions for drawing with a guidance scale, and what of it is left for two predictions to be combined."""
        return conditions, guidance

    def combined(self, without: Tensor, along: Tensor, guidance: float) -> Tensor:
        """One raw output (n, c, h, w) from those for the negative prompt and for the prompt, above a guidance of 1.

        ``e_empty + guidance (e_prompt - e_empty)`` (Ho and Salimans, arXiv 2207.12598, eq. 6 with w = guidance - 1).
        """
        return without + guidance * (along - without)

    # ---- noise ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t (n, c, h, w) of latents and noise (n, c, h, w) at timesteps t (n,)."""

    @abstractmethod
    def predict(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The denoiser's raw output (n, c, h, w) for x_t (n, c, h, w), timesteps (n,) or one, n conditions."""

    @abstractmethod
    def predict_noise(self, x_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """The predicted noise (n, c, h, w), whatever the network predicts."""

    def scheduler(self, steps: int, device: torch.device) -> Any:
        """A fresh copy of the pipeline's scheduler with its timesteps set."""
        return sampling.fresh_scheduler(self.pipe.scheduler, steps, device)

    def in_training(self, precision: str) -> AbstractContextManager[None]:
        """Where the denoiser computes with gradients, in a lower precision or not: `precision.in_training`."""
        _, height, width = self.latent_shape
        return in_training(self.device, precision, height * width)

    # ---- pictures -------------------------------------------------------------------------------------------------

    def encode_images(self, images: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (n, c, h, w) of the latents' distribution, of the model's own picture size.

        The shorter side is fitted and the middle cut out.
        """
        _, height, width = self.latent_shape
        size = (width * self.autoencoder.side, height * self.autoencoder.side)
        return self.autoencoder.encode(images, size, self.device, self._batch)

    def decode(self, latents: Tensor) -> list[Image.Image]:
        """Pictures of latents (n, c, h, w)."""
        return self.autoencoder.decode(latents, self._batch)

    @torch.no_grad()
    def sample(
        self,
        prompts: Sequence[str] | Condition,
        seeds: Sequence[int],
        steps: int = 20,
        guidance: float | None = None,
        negative: str = "",
        batch: int | None = None,
        progress: Progress | None = None,
        precision: str = "float32",
    ) -> Tensor:
        """Latents (n, c, h, w), one for each prompt (or row of conditions) and seed.

        Image k depends on prompt k and seed k alone, up to the rounding that differs between batch sizes. ``guidance``
        defaults to the family's, ``batch`` to a size that fits the latents; one that does not fit into memory is
        halved. Each distinct prompt is encoded once. ``precision`` is that of the denoiser's arithmetic: float32 means
        its own; ``bfloat16`` is much faster where the processor has units for it.

        Raises ValueError if there are not as many seeds as prompts.
        """
        if len(prompts) != len(seeds):
            raise ValueError(f"{len(prompts)} prompts and {len(seeds)} seeds; give one seed per prompt")
        if not len(prompts):
            return torch.zeros(0, *self.latent_shape, device=self.device, dtype=self.dtype)
        guidance = self.guidance if guidance is None else guidance
        batch = batch or self._batch
        if isinstance(prompts, Condition):
            conditions, row = prompts, list(range(len(prompts)))
        else:
            rows = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
            conditions, row = self.encode(list(rows)), [rows[prompt] for prompt in prompts]
        conditions, guidance = self.guided(conditions.to(self.device, self.dtype), guidance)
        empty = self.unconditional(negative).to(self.device, self.dtype)
        with (progress or Silent()).task("drawing", total=len(seeds), unit="image") as advance:

            def drawn(part: list[int]) -> Tensor:
                with in_precision(self.device, precision):
                    return sampling.sample(
                        self.predict,
                        self.scheduler(steps, self.device),
                        conditions[[row[k] for k in part]],
                        empty,
                        [seeds[k] for k in part],
                        self.latent_shape,
                        partial(self.combined, guidance=guidance) if guidance > 1 else None,
                        partial(_scaled, advance, len(part)),
                        self.prompts_first,
                    )

            return torch.cat(in_batches(len(seeds), batch, drawn, "pictures"))

    def images(
        self,
        prompts: Sequence[str] | Condition,
        seeds: Sequence[int],
        steps: int = 20,
        guidance: float | None = None,
        negative: str = "",
        batch: int | None = None,
        progress: Progress | None = None,
        precision: str = "float32",
    ) -> list[Image.Image]:
        """The pictures of `sample`, with the same arguments."""
        return self.decode(self.sample(prompts, seeds, steps, guidance, negative, batch, progress, precision))

    @property
    def _batch(self) -> int:
        return sampling.default_batch(self.latent_shape, self.device)


def _scaled(advance: Callable[..., None], count: int, share: float) -> None:
    advance(share * count)
