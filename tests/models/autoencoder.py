"""The KL autoencoder of all families."""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKL


def tiny_vae(*, quantised: bool = True, **options: Any) -> Any:
    """A KL autoencoder that makes 16 x 16 pictures of 8 x 8 latents.

    ``quantised``: with the convolutions before and after the latents that it has in Stable Diffusion before 3.
    """
    vae: Any = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=16,
        use_quant_conv=quantised,
        use_post_quant_conv=quantised,
        **options,
    )
    return vae.eval()
