"""A pipeline's autoencoder: pictures to scaled latents, as the denoiser sees them, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from overpaint.errors import BackboneError
from overpaint.halving import in_batches

__all__ = ["Autoencoder"]


class Autoencoder:
    """A KL autoencoder. Latents (n, c, h, w) are shifted and scaled, all channels alike.

    A batch that does not fit into memory is halved.

    Attributes:
        by_channel: whether latents are normalised channel by channel; see `overpaint.backbone.normalised`.
    """

    by_channel: ClassVar[bool] = False

    def __init__(self, vae: Any, processor: Any) -> None:
        """``processor`` is the pipeline's image processor.

        Raises:
            BackboneError: latents are normalised channel by channel, which no model of the family does.
        """
        if not self.by_channel and getattr(vae.config, "latents_mean", None) is not None:
            raise BackboneError("autoencoder: normalises latents by channel (latents_mean); no supported model does so")
        self.vae = vae
        self._processor = processor

    @property
    def side(self) -> int:
        """Pixels along one side of a latent."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @torch.no_grad()
    def encode(
        self, images: Sequence[Image.Image], size: tuple[int, int], device: torch.device, batch: int
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (n, c, h, w) of the latents' distribution for pictures of ``size`` (w, h) pixels.

        The shorter side is fitted and the middle cut out.
        """
        cut = [_fit(image, size) for image in images]
        with self._wide() as dtype:

            def encoded(part: list[int]) -> tuple[Tensor, Tensor]:
                pixels = self._processor.preprocess([cut[k] for k in part]).to(device, dtype)
                posterior = self._posterior(pixels)
                return self._scaled(posterior.mean, posterior.std)

            means, stds = zip(*in_batches(len(cut), batch, encoded, "pictures"), strict=True)
        return torch.cat(means), torch.cat(stds)

    @torch.no_grad()
    def decode(self, latents: Tensor, batch: int) -> list[Image.Image]:
        """Pictures of latents (n, c, h, w)."""
        with self._wide() as dtype:

            def decoded(part: list[int]) -> list[Image.Image]:
                pixels = self._pixels(self._unscaled(latents[part].to(dtype)))
                images: list[Image.Image] = self._processor.postprocess(pixels, output_type="pil")
                return images

            return [image for part in in_batches(len(latents), batch, decoded, "pictures") for image in part]

    def _posterior(self, pixels: Tensor) -> Any:
        """The autoencoder's own distribution for pixels (n, 3, y, x), with ``mean`` and ``std``."""
        return self.vae.encode(pixels).latent_dist

    def _pixels(self, latents: Tensor) -> Tensor:
        """Pixels (n, 3, y, x) of the autoencoder's own latents."""
        pixels: Tensor = self.vae.decode(latents, return_dict=False)[0]
        return pixels

    def _scaled(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of latents, from those of the autoencoder's own."""
        config = self.vae.config
        return (mean - self._shift) * config.scaling_factor, std * config.scaling_factor

    def _unscaled(self, latents: Tensor) -> Tensor:
        """The autoencoder's own latents."""
        return latents / self.vae.config.scaling_factor + self._shift

    @property
    def _shift(self) -> float:
        return float(getattr(self.vae.config, "shift_factor", None) or 0.0)

    @contextmanager
    def _wide(self) -> Iterator[torch.dtype]:
        """The type to compute in; float32 for a float16 autoencoder that overflows (SDXL's), which it is again after.

        Every float16 value is a float32 value, so the way there and back changes no bit.
        """
        dtype: torch.dtype = self.vae.dtype
        if dtype != torch.float16 or not getattr(self.vae.config, "force_upcast", False):
            yield dtype
            return
        self.vae.to(dtype=torch.float32)
        try:
            yield torch.float32
        finally:
            self.vae.to(dtype=dtype)


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture scaled to cover (width, height), the middle cut out."""
    from PIL import ImageOps

    return ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BICUBIC)
