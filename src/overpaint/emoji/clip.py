"""The emoji CLIP: the model's own text tower and the image tower it was contrasted with, for a CLIP score.

The text tower is the one inside the shipped pipeline; the image tower and the two projections are a file beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from overpaint.emoji.assets import CLIP_FILE, MODEL
from overpaint.emoji.image_tower import ImageTower

__all__ = ["WIDTH", "EmojiClip", "load"]

WIDTH = 256


class EmojiClip(nn.Module):
    """Text tower, image tower, their projections into one space and the temperature between them."""

    def __init__(self, text: CLIPTextModel) -> None:
        super().__init__()
        self.text = text
        self.image = ImageTower(WIDTH)
        self.text_projection = nn.Linear(text.config.hidden_size, WIDTH, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(2.5))

    def embed_text(self, ids: Tensor) -> Tensor:
        """Unit embeddings ``(n, 256)`` of token ids ``(n, length)``, read at the end token."""
        return F.normalize(self.text_projection(self.text(ids).pooler_output), dim=-1)

    def embed_images(self, images: Tensor) -> Tensor:
        """Unit embeddings ``(n, 256)`` of ``(n, 3, 64, 64)`` images in [-1, 1]."""
        return F.normalize(self.image(images), dim=-1)

    @torch.no_grad()
    def score(self, images: Tensor, prompts: Sequence[str], tokenizer: CLIPTokenizer) -> Tensor:
        """100 x cosine between each image and its prompt, ``(n,)``."""
        ids = tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=tokenizer.model_max_length,
            return_tensors="pt",
        ).input_ids
        return 100 * (self.embed_text(ids.to(images.device)) * self.embed_images(images)).sum(dim=-1)


def load() -> tuple[EmojiClip, CLIPTokenizer]:
    """The shipped CLIP in float32 with its tokenizer, frozen. Raises ValueError if its file is of another network."""
    model = EmojiClip(CLIPTextModel.from_pretrained(MODEL / "text_encoder"))
    missing, unexpected = model.load_state_dict(load_file(CLIP_FILE), strict=False)
    if unexpected or any(not name.startswith("text.") for name in missing):
        raise ValueError(f"{CLIP_FILE} does not fit the image tower: missing {missing}, unexpected {unexpected}")
    return model.float().eval().requires_grad_(False), CLIPTokenizer.from_pretrained(MODEL / "tokenizer")
