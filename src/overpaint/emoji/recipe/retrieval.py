"""Does the text tower know its words? Top-1 of finding a concept among all by its caption.

The denoiser can draw only what the frozen tower tells apart, so this is looked at before hours are spent on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTokenizer

from overpaint.emoji.captions import FREE_FORM_TEST, PROMPTS_PLAIN, fill
from overpaint.emoji.clip import EmojiClip
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe.autoencoder import to_tensor
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["prototypes", "retrieval"]


@torch.no_grad()
def prototypes(model: EmojiClip, pictures: Pictures, concepts: int) -> Tensor:
    """Mean image embedding of each concept over its styles on white, unit length, ``(concepts, width)``."""
    white = BACKGROUNDS["white"]
    chunks = np.array_split(np.arange(len(pictures)), len(pictures) // 256 + 1)
    embedded = torch.cat([model.embed_images(to_tensor(composite(pictures.rgba[k], white))) for k in chunks])
    total = torch.zeros(concepts, embedded.shape[1])
    return F.normalize(total.index_add(0, torch.from_numpy(pictures.concept.astype(np.int64)), embedded), dim=1)


@torch.no_grad()
def retrieval(model: EmojiClip, tokenizer: CLIPTokenizer, pictures: Pictures) -> dict[str, float]:
    """Shares of captions whose nearest prototype is the right one: plain, unseen sentences, taught aliases."""
    vocabulary = Vocabulary.load()
    was_training = model.training
    model.eval()
    wanted = prototypes(model, pictures, len(vocabulary))

    def found(words: Sequence[tuple[str, int]], templates: Sequence[str]) -> float:
        texts = [fill(templates[k % len(templates)], word) for k, (word, _) in enumerate(words)]
        ids = tokenizer(texts, padding=True, truncation=True, return_tensors="pt").input_ids
        nearest = torch.cat([(model.embed_text(chunk) @ wanted.T).argmax(dim=1) for chunk in ids.split(256)])
        return round((nearest == torch.tensor([index for _, index in words])).float().mean().item(), 4)

    names = [(concept.name, index) for index, concept in enumerate(vocabulary.concepts)]
    aliases = [(alias, index) for index, concept in enumerate(vocabulary.concepts) for alias in concept.taught]
    figures = {
        "plain": found(names, PROMPTS_PLAIN),
        "unseen sentences": found(names, FREE_FORM_TEST),
        "taught aliases": found(aliases, PROMPTS_PLAIN),
    }
    model.train(was_training)
    return figures
