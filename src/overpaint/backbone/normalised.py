"""Autoencoders whose latents are normalised channel by channel: those of FLUX.2 and Qwen-Image."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from overpaint.backbone.autoencoder import Autoencoder

__all__ = ["FilmAutoencoder", "SquareAutoencoder"]


class _ByChannel(Autoencoder):
    by_channel: ClassVar[bool] = True

    @abstractmethod
    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (c, 1, 1) of each channel's latents before they are normalised."""

    def _scaled(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        middle, spread = self._statistics(mean)
        return (mean - middle) / spread, std / spread

    def _unscaled(self, latents: Tensor) -> Tensor:
        middle, spread = self._statistics(latents)
        return latents * spread + middle


class SquareAutoencoder(_ByChannel):
    """FLUX.2's: each latent is a square of two by two of the autoencoder's own, with four times the channels.

    Their means and variances are those that a batch norm of the autoencoder has kept.
    """

    @property
    def side(self) -> int:
        """Pixels along one side of a latent."""
        return 2 * super().side

    def _scaled(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        return super()._scaled(F.pixel_unshuffle(mean, 2), F.pixel_unshuffle(std, 2))

    def _unscaled(self, latents: Tensor) -> Tensor:
        return F.pixel_shuffle(super()._unscaled(latents), 2)

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.vae.bn
        spread = (kept.running_var + self.vae.config.batch_norm_eps).sqrt()
        return kept.running_mean.to(like)[:, None, None], spread.to(like)[:, None, None]


class FilmAutoencoder(_ByChannel):
    """Qwen-Image's: an autoencoder of films, to which a picture is a film of one frame."""

    @property
    def side(self) -> int:
        """Pixels along one side of a latent."""
        return int(2 ** len(self.vae.config.temperal_downsample))

    def _posterior(self, pixels: Tensor) -> Any:
        return super()._posterior(pixels[:, :, None])

    def _pixels(self, latents: Tensor) -> Tensor:
        return super()._pixels(latents[:, :, None])[:, :, 0]

    def _scaled(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        return super()._scaled(mean[:, :, 0], std[:, :, 0])

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        config = self.vae.config
        middle, spread = (torch.tensor(column).to(like) for column in (config.latents_mean, config.latents_std))
        return middle[:, None, None], spread[:, None, None]
