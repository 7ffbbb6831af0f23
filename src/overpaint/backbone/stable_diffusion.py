"""Stable Diffusion 1.x and 2.x, and the bundled emoji model, as methods see them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import torch
from diffusers import DDPMScheduler
from PIL import Image
from torch import Tensor, nn

from overpaint.backbone import sampling
from overpaint.backbone.parameters import named_parameters
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError
from overpaint.progress import Progress, Silent

__all__ = ["GUIDANCE", "StableDiffusion"]

PREDICTIONS = ("epsilon", "v_prediction", "sample")
FAMILIES = {768: "sd1", 1024: "sd2"}
GUIDANCE = {"emoji": 4.0, "sd1": 7.5, "sd2": 7.5}
"""Default guidance scale by family."""
TEXT_BATCH = 64


class StableDiffusion:
    """A pipeline with one CLIP text encoder, a cross-attention UNet and a KL autoencoder.

    The pipeline stays the user's: nothing in it is moved, cast, frozen or replaced. Shapes below: n images, latents
    (c, h, w), text window w and width d. Latents are always scaled ones, as the UNet sees them.

    Attributes:
        family: "sd1" or "sd2" by the width of the text encoder (768, 1024), "emoji" for the bundled model and anything
            of its kind; the key of default settings.
        latent_shape: (c, h, w) of the size the UNet was made for.
        alphas_cumprod: (T,) float32 on the CPU, the noise schedule; T is 1000 in all published models.
    """

    def __init__(self, pipe: Any) -> None:
        _check(pipe)
        self.pipe = pipe
        self.text = TextEncoder(pipe.text_encoder, pipe.tokenizer)
        self.unet = pipe.unet
        self.vae = pipe.vae
        self.window: int = self.text.window
        size = pipe.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        self.latent_shape: tuple[int, int, int] = (pipe.unet.config.in_channels, height, width)
        self.family: str = FAMILIES.get(self.text.width, "emoji")
        self.prediction_type: str = pipe.scheduler.config.prediction_type
        # not the pipeline's scheduler object: some change their table when timesteps are set
        config = {k: v for k, v in pipe.scheduler.config.items() if k in _SCHEDULE}
        schedule: Any = DDPMScheduler(**config)
        self.alphas_cumprod: Tensor = schedule.alphas_cumprod

    @property
    def text_encoders(self) -> list[TextEncoder]:
        """All text encoders: one here."""
        return [self.text]

    @property
    def device(self) -> torch.device:
        """Where the UNet is now."""
        device: torch.device = self.unet.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The UNet's type, and that of latents."""
        dtype: torch.dtype = self.unet.dtype
        return dtype

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over names, shapes, types and bytes of all parameters of text encoder, UNet and autoencoder.

        Taken when first asked for and then kept: ask before a patch is applied.
        """
        digest = hashlib.sha256()
        for name, parameter in sorted(named_parameters(self.pipe).items()):
            value = parameter.detach().cpu().contiguous()
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    # ---- noise ----------------------------------------------------------------------------------------------------

    def add_noise(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) noise (n, c, h, w), for timesteps t (n,); DDPM eq. 4."""
        signal, sigma = self._levels(t, x0)
        return signal * x0 + sigma * noise

    def predict(self, x_t: Tensor, t: Tensor, states: Tensor) -> Tensor:
        """The UNet's raw output (n, c, h, w) for x_t (n, c, h, w), timesteps (n,) or one, states (n, w, d)."""
        out: Tensor = self.unet(x_t, t, encoder_hidden_states=states, return_dict=False)[0]
        return out

    def predict_noise(self, x_t: Tensor, t: Tensor, states: Tensor) -> Tensor:
        """The predicted noise epsilon (n, c, h, w), whatever the network predicts.

        v-prediction: epsilon = sqrt(abar) v + sqrt(1 - abar) x_t (Salimans and Ho, arXiv 2202.00512, app. D).
        """
        out = self.predict(x_t, t, states)
        if self.prediction_type == "epsilon":
            return out
        signal, sigma = self._levels(t, x_t)
        return signal * out + sigma * x_t if self.prediction_type == "v_prediction" else (x_t - signal * out) / sigma

    def _levels(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), broadcast over ``like`` (n, c, h, w)."""
        abar = self.alphas_cumprod[torch.as_tensor(t).cpu()].reshape(-1, 1, 1, 1)
        return abar.sqrt().to(like), (1 - abar).sqrt().to(like)

    # ---- pictures -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode_images(self, images: Sequence[Image.Image]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (n, c, h, w) of the latents' distribution, of the model's own picture size.

        The shorter side is fitted and the middle cut out.
        """
        side = 2 ** (len(self.vae.config.block_out_channels) - 1)
        size = (self.latent_shape[2] * side, self.latent_shape[1] * side)
        cut = [_fit(image, size) for image in images]
        means, stds = [], []
        for part in _chunks(cut, self._batch):
            pixels = self.pipe.image_processor.preprocess(part).to(self.vae.device, self.vae.dtype)
            posterior = self.vae.encode(pixels).latent_dist
            means.append((posterior.mean - self._shift) * self._scale)
            stds.append(posterior.std * self._scale)
        return torch.cat(means), torch.cat(stds)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> list[Image.Image]:
        """Pictures of latents (n, c, h, w)."""
        images: list[Image.Image] = []
        for part in latents.split(self._batch) if len(latents) else ():
            pixels = self.vae.decode(part.to(self.vae.dtype) / self._scale + self._shift, return_dict=False)[0]
            images += self.pipe.image_processor.postprocess(pixels, output_type="pil")
        return images

    @torch.no_grad()
    def sample(
        self,
        prompts: Sequence[str] | Tensor,
        seeds: Sequence[int],
        steps: int = 20,
        guidance: float | None = None,
        negative: str = "",
        batch: int | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """Latents (n, c, h, w), one for each prompt (or row of states (n, w, d)) and seed.

        Image k depends on prompt k and seed k alone, up to the rounding that differs between batch sizes. ``guidance``
        defaults to the family's, ``batch`` to a size that fits the latents. Each distinct prompt is encoded once.

        Raises ValueError if there are not as many seeds as prompts.
        """
        if len(prompts) != len(seeds):
            raise ValueError(f"{len(prompts)} prompts and {len(seeds)} seeds; give one seed per prompt")
        if not len(prompts):
            return torch.zeros(0, *self.latent_shape, device=self.device, dtype=self.dtype)
        guidance = GUIDANCE[self.family] if guidance is None else guidance
        batch = batch or self._batch
        states, row = (prompts, list(range(len(prompts)))) if isinstance(prompts, Tensor) else self._encode(prompts)
        states = states.to(self.device, self.dtype)
        empty = self.text.encode([negative]).to(states)
        latents = []
        with (progress or Silent()).task("drawing", total=len(seeds), unit="image") as advance:
            for first in range(0, len(seeds), batch):
                part = slice(first, first + batch)
                latents.append(
                    sampling.sample(
                        self.predict,
                        self.pipe.scheduler,
                        states[row[part]],
                        empty,
                        seeds[part],
                        self.latent_shape,
                        steps,
                        guidance,
                        partial(_scaled, advance, len(seeds[part])),
                    )
                )
        return torch.cat(latents)

    def images(
        self,
        prompts: Sequence[str] | Tensor,
        seeds: Sequence[int],
        steps: int = 20,
        guidance: float | None = None,
        negative: str = "",
        batch: int | None = None,
        progress: Progress | None = None,
    ) -> list[Image.Image]:
        """The pictures of `sample`, with the same arguments."""
        return self.decode(self.sample(prompts, seeds, steps, guidance, negative, batch, progress))

    def _encode(self, prompts: Sequence[str]) -> tuple[Tensor, list[int]]:
        """Final states of the distinct prompts, and for each prompt its row."""
        rows = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
        states = torch.cat([self.text.encode(part) for part in _chunks(list(rows), TEXT_BATCH)])
        return states, [rows[prompt] for prompt in prompts]

    # ---- parameters -----------------------------------------------------------------------------------------------

    def cross_attention_projections(self) -> dict[str, nn.Linear]:
        """The UNet's layers that read the text, ``attn2.to_k`` and ``attn2.to_v``, by canonical weight name."""
        return {
            f"unet.{name}.weight": module
            for name, module in self.unet.named_modules()
            if name.endswith(("attn2.to_k", "attn2.to_v")) and isinstance(module, nn.Linear)
        }

    # ---- inside ---------------------------------------------------------------------------------------------------

    @property
    def _batch(self) -> int:
        return sampling.default_batch(self.latent_shape, self.device)

    @property
    def _scale(self) -> float:
        return float(self.vae.config.scaling_factor)

    @property
    def _shift(self) -> float:
        return float(getattr(self.vae.config, "shift_factor", None) or 0.0)


_SCHEDULE = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "rescale_betas_zero_snr",
)


def _check(pipe: Any) -> None:
    """BackboneError unless the pipeline is a text-to-image Stable Diffusion 1.x or 2.x by structure."""
    kind = type(pipe).__name__
    for part in ("text_encoder", "tokenizer", "unet", "vae", "scheduler"):
        if getattr(pipe, part, None) is None:
            raise BackboneError(f"{kind}: has no {part}; Stable Diffusion 1.x and 2.x pipelines are supported")
    if getattr(pipe, "text_encoder_2", None) is not None:
        raise BackboneError(f"{kind}: has two text encoders; Stable Diffusion 1.x and 2.x pipelines are supported")
    unet, vae = pipe.unet.config, pipe.vae.config
    if unet.in_channels != vae.latent_channels:
        raise BackboneError(
            f"{kind}: its UNet takes {unet.in_channels} channels, its latents have {vae.latent_channels}; inpainting,"
            " depth and upscaling models are not supported, take the text-to-image model of the family"
        )
    width = pipe.text_encoder.config.hidden_size
    if unet.cross_attention_dim != width:
        raise BackboneError(
            f"{kind}: its UNet reads text states of width {unet.cross_attention_dim}, its text encoder gives {width};"
            " the parts belong to different models"
        )
    prediction = pipe.scheduler.config.get("prediction_type", None)
    if prediction not in PREDICTIONS:
        raise BackboneError(
            f"{kind}: scheduler {type(pipe.scheduler).__name__} says prediction_type={prediction!r};"
            f" supported are {', '.join(PREDICTIONS)}"
        )


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture scaled to cover (width, height), the middle cut out."""
    from PIL import ImageOps

    return ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BICUBIC)


def _scaled(advance: Callable[..., None], count: int, share: float) -> None:
    advance(share * count)


def _chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
