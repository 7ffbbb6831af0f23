"""Random pipelines of every family's true structure at reduced width, built in a second without any download."""

from tests.models.autoencoder import tiny_vae
from tests.models.clip import NEW_TRANSFORMERS, tiny_text_model, tiny_tokenizer
from tests.models.flux import tiny_flux
from tests.models.flux2_klein import HAS_FLUX2_KLEIN, tiny_flux2_klein
from tests.models.qwen_image import HAS_QWEN_IMAGE, tiny_qwen_image
from tests.models.stable_diffusion import tiny_sd
from tests.models.stable_diffusion_3 import tiny_sd3
from tests.models.stable_diffusion_xl import tiny_sdxl
from tests.models.z_image import HAS_Z_IMAGE, tiny_z_image

__all__ = [
    "HAS_FLUX2_KLEIN",
    "HAS_QWEN_IMAGE",
    "HAS_Z_IMAGE",
    "NEW_TRANSFORMERS",
    "tiny_flux",
    "tiny_flux2_klein",
    "tiny_qwen_image",
    "tiny_sd",
    "tiny_sd3",
    "tiny_sdxl",
    "tiny_text_model",
    "tiny_tokenizer",
    "tiny_vae",
    "tiny_z_image",
]
