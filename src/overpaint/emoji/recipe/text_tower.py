"""Stage 5: the text tower, learned by contrast with the locked image tower, then frozen as Stable Diffusion's is.

A shallow text tower trained plainly reads the raw name at its end token in the first block, before any feed-forward
layer could be edited. In CLIP the last subject token carries the concept in the lower half of the blocks and the end
and padding tokens read it there later (Basu et al., arXiv 2310.13730). Training gets that by hiding (`hiding`). Masks
alone leave a fifth of a concept with its other tokens: where these can be seen, they are read. So where they are not
hidden, the attention that they get in spite of it is a part of the loss.

Masks and that loss exist at training time only; the stock model runs without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from overpaint.emoji.assets import CLIP_FILE
from overpaint.emoji.captions import Caption, describe
from overpaint.emoji.clip import EmojiClip
from overpaint.emoji.palette import BACKGROUND_WORDS, BACKGROUNDS, STYLE_WORDS
from overpaint.emoji.recipe import image_side
from overpaint.emoji.recipe import tokenizer as pieces
from overpaint.emoji.recipe.halving import halved
from overpaint.emoji.recipe.hiding import hiding_masks, stray_places
from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon
from overpaint.emoji.recipe.render import Pictures
from overpaint.emoji.recipe.retrieval import retrieval
from overpaint.emoji.recipe.stray_words import StrayWords
from overpaint.emoji.recipe.tokens import tokenize
from overpaint.emoji.recipe.tower_check import check
from overpaint.emoji.vocabulary import Vocabulary

__all__ = ["Gallery", "build", "load", "train"]

SEED = 202
BATCH = 192
READ_PADDING = 0.25
STRAY_WEIGHT = 20.0
CHUNKS = 4


def build(vocabulary_size: int) -> CLIPTextModel:
    """A fresh text model: 8 blocks of width 256, feed-forward 1,024, 24 positions."""
    config = CLIPTextConfig(
        vocab_size=vocabulary_size,
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=8,
        num_attention_heads=4,
        max_position_embeddings=pieces.WINDOW,
        projection_dim=256,
        hidden_act="quick_gelu",
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return CLIPTextModel._from_config(config, attn_implementation="eager")


def embed_hidden(
    model: EmojiClip, ids: Tensor, masks: tuple[Tensor, Tensor], strays: tuple[Tensor, Tensor], read: Tensor
) -> tuple[Tensor, Tensor]:
    """Unit embeddings ``(n, 256)`` read at token ``read`` of each row, and the mean share of stray attention.

    ``masks`` are additive ones of the lower and the upper half of the blocks, ``strays`` the places that should get no
    attention even where they can be seen; all ``(n, 1, length, length)``.
    """
    ids, read, *hidden = (tensor.to(model.log_scale.device) for tensor in (ids, read, *masks, *strays))
    states = model.text.embeddings(input_ids=ids)
    blocks = model.text.encoder.layers
    stray = states.new_zeros(())
    for number, block in enumerate(blocks):
        upper = int(number >= len(blocks) // 2)
        inner = block.layer_norm1(states)
        attended, shares = block.self_attn(hidden_states=inner, attention_mask=hidden[upper])
        states = states + attended
        states = states + block.mlp(block.layer_norm2(states))
        stray = stray + (shares * hidden[2 + upper]).sum(dim=-1).mean() / len(blocks)
    states = model.text.final_layer_norm(states[torch.arange(len(ids), device=read.device), read])
    return F.normalize(model.text_projection(states), dim=-1), stray


@dataclass(frozen=True)
class Gallery:
    """One picture of each kind there is, on backgrounds drawn anew: what a caption has to find its own among.

    concept, style, background ``(n,)`` int; embeddings ``(n, 256)``, unit length.
    """

    concept: np.ndarray
    style: np.ndarray
    background: np.ndarray
    embeddings: Tensor

    def described_by(self, captions: list[Caption], concepts: np.ndarray) -> Tensor:
        """Which pictures each caption truly describes ``(captions, n)``, rows sum to one. What it does not name may be
        anything."""
        same = concepts[:, None] == self.concept[None, :]
        for named, values, words in (
            ("style", self.style, STYLE_WORDS),
            ("background", self.background, BACKGROUND_WORDS),
        ):
            wanted = [getattr(c, named) for c in captions]
            number = np.array([-1 if word is None else words.index(word) for word in wanted])[:, None]
            same &= (number == -1) | (number == values[None, :])
        target = torch.from_numpy(same).float()
        return target / target.sum(dim=1, keepdim=True)


def train(work: Path, steps: int, device: torch.device) -> CLIPTextModel:
    """Train (or go on training) the text tower; saves it to ``<work>/text_encoder``."""
    torch.manual_seed(SEED)
    pictures, vocabulary, tokenizer = Pictures.load(work), Vocabulary.load(), pieces.load(work)
    stray_words = StrayWords(tokenizer)
    model = EmojiClip(build(len(tokenizer)))
    model.image = image_side.load(work)
    model.to(device)
    embeddings = image_side.embed_all(work, device)
    optimizer = HybridMuon(model, lr=2e-3, plain=("embedding", "log_scale"), weight_decay=0.05)

    def loss(step: int, random: StepRandom) -> tuple[Tensor, dict[str, float]]:
        rng = random.numpy
        background = np.where(rng.random(len(pictures)) < 0.4, 0, rng.integers(len(BACKGROUNDS), size=len(pictures)))
        shown = torch.from_numpy(embeddings[background, np.arange(len(pictures))]).float().to(device)
        gallery = Gallery(pictures.concept, pictures.style, background, shown)
        index = _one_picture_each(rng, pictures, rng.choice(len(vocabulary), BATCH, replace=False))
        captions = [
            stray_words.around(
                rng,
                describe(rng, vocabulary, int(pictures.concept[k]), int(pictures.style[k]), int(background[k])),
            )
            for k in index
        ]
        text, stray = _embed_in_chunks(model, tokenizer, captions, rng)
        logits = model.log_scale.clamp(max=4.6).exp() * text @ gallery.embeddings.T
        target = gallery.described_by(captions, pictures.concept[index]).to(device)
        value = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()
        right = target.gather(1, logits.argmax(dim=1, keepdim=True)).gt(0).float().mean()
        return value + STRAY_WEIGHT * stray, {"top1": right.item(), "stray": stray.item()}

    stage = Stage("text", model, optimizer, loss, steps, BATCH, lambda s: one_cycle(s, steps), SEED)
    run(stage, work, log_every=20)
    model.cpu()
    save(work, model)
    check(work, load(work), tokenizer, stage.done * stage.samples, retrieval(model, tokenizer, pictures))
    return model.text


def _one_picture_each(rng: np.random.Generator, pictures: Pictures, concepts: np.ndarray) -> np.ndarray:
    """The index of a random picture of each concept."""
    return np.array([rng.choice(np.flatnonzero(pictures.concept == k)) for k in concepts])


def save(work: Path, model: EmojiClip) -> None:
    """Write the text tower, rounded as it will ship so that the denoiser learns with that one, and the image side."""
    model.text.half().float().save_pretrained(work / "text_encoder")
    side = halved({k: v for k, v in model.state_dict().items() if not k.startswith("text.")})
    (work / "shipping").mkdir(exist_ok=True)
    save_file(side, work / "shipping" / CLIP_FILE.name)


def _embed_in_chunks(
    model: EmojiClip, tokenizer: CLIPTokenizer, captions: list[Caption], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Embed captions sorted by length in chunks, each cut to its own longest: half the work of one padded batch."""
    order = np.argsort([len(c.text) for c in captions], kind="stable")
    parts, stray = [], []
    for rows in np.array_split(order, CHUNKS):
        tokens = tokenize(tokenizer, [captions[k] for k in rows])
        places = stray_places(tokens)
        length = tokens.ids.shape[1]
        # Padding is read by the denoiser as the end token is, so it learns to say the same.
        padding = torch.from_numpy(rng.integers(tokens.ends.numpy(), length))
        read = torch.where(torch.from_numpy(rng.random(len(rows)) < READ_PADDING), padding, tokens.ends)
        part, share = embed_hidden(model, tokens.ids, hiding_masks(places, rng), places, read)
        parts.append(part)
        stray.append(share)
    return torch.cat(parts)[torch.from_numpy(np.argsort(order, kind="stable"))], torch.stack(stray).mean()


def load(work: Path) -> CLIPTextModel:
    """The trained text tower of ``work``, frozen."""
    return CLIPTextModel.from_pretrained(work / "text_encoder").eval().requires_grad_(False)
