"""Stage 3: the text tower, learned by contrast with an image tower as CLIP is, then frozen as Stable Diffusion's is.

A shallow text tower trained plainly reads the raw name at its end token in the first block, before any feed-forward
layer could be edited. In CLIP the last subject token carries the concept in the lower half of the blocks and the end
and padding tokens read it there later (Basu et al., arXiv 2310.13730). Training gets that by hiding. In most samples

* in the lower half, tokens behind the subject cannot see it, and the end token cannot see the caption at all;
* in the upper half, they see the subject's last token alone.

Masks alone leave a fifth of a concept with its other tokens: where these can be seen, they are read. So where they are
not hidden, the attention that they get in spite of it is a part of the loss.

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

from overpaint.backbone.text import TextEncoder
from overpaint.emoji.assets import CLIP_FILE
from overpaint.emoji.captions import FREE_FORM_TEST, Caption, describe
from overpaint.emoji.clip import EmojiClip
from overpaint.emoji.palette import BACKGROUNDS
from overpaint.emoji.recipe import figures
from overpaint.emoji.recipe import tokenizer as pieces
from overpaint.emoji.recipe.autoencoder import to_tensor
from overpaint.emoji.recipe.loop import Stage, StepRandom, one_cycle, run
from overpaint.emoji.recipe.optimizer import HybridMuon
from overpaint.emoji.recipe.render import Pictures, composite
from overpaint.emoji.recipe.retrieval import retrieval
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.trace.causal import causal_trace

__all__ = ["build", "hiding_masks", "load", "stray_places", "train"]

SEED = 202
CONCEPTS, VARIANTS = 96, 2
HIDE_LOWER, HIDE_UPPER, READ_PADDING = 0.6, 0.5, 0.25
STRAY_WEIGHT = 20.0
CHUNKS = 4
PAIRS, BAR = 200, 0.8
HIDDEN = -1e4


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
    states = model.text.embeddings(input_ids=ids)
    blocks = model.text.encoder.layers
    stray = states.new_zeros(())
    for number, block in enumerate(blocks):
        upper = int(number >= len(blocks) // 2)
        inner = block.layer_norm1(states)
        attended, shares = block.self_attn(hidden_states=inner, attention_mask=masks[upper])
        states = states + attended
        states = states + block.mlp(block.layer_norm2(states))
        stray = stray + (shares * strays[upper]).sum(dim=-1).mean() / len(blocks)
    states = model.text.final_layer_norm(states[torch.arange(len(ids)), read])
    return F.normalize(model.text_projection(states), dim=-1), stray


@dataclass(frozen=True)
class Tokens:
    """Ids ``(n, length)`` of captions, the spans of their phrases as token positions, and where their ends are."""

    ids: Tensor
    subjects: list[tuple[int, int]]
    styles: list[tuple[int, int]]
    ends: Tensor


def tokenize(tokenizer: CLIPTokenizer, captions: list[Caption], spare: int = 2) -> Tokens:
    """Tokenise, cut to the longest caption plus ``spare`` padding tokens, and map phrases to tokens by offsets."""
    texts = [c.text for c in captions]
    encoded = tokenizer(texts, truncation=True, max_length=pieces.WINDOW, return_offsets_mapping=True)
    length = min(pieces.WINDOW, max(len(row) for row in encoded["input_ids"]) + spare)
    ids = torch.full((len(captions), length), tokenizer.pad_token_id)
    subjects: list[tuple[int, int]] = []
    styles: list[tuple[int, int]] = []
    for row, (caption, tokens, offsets) in enumerate(
        zip(captions, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        for spans, phrase in ((subjects, caption.subject), (styles, caption.style)):
            spans.append(_tokens_of(offsets, caption.span(phrase)))
    ends = torch.tensor([len(row) - 1 for row in encoded["input_ids"]])
    return Tokens(ids, subjects, styles, ends)


def _tokens_of(offsets: list[tuple[int, int]], span: tuple[int, int] | None) -> tuple[int, int]:
    """First and last + 1 token that overlap the characters of ``span``; an empty range where there are none."""
    if span is None:
        return (0, 0)
    inside = [k for k, (begin, end) in enumerate(offsets) if begin < span[1] and end > span[0] and end > begin]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def stray_places(tokens: Tokens) -> tuple[Tensor, Tensor]:
    """What should not be read ``(n, 1, length, length)``, bool, by (query, key), in the lower and in the upper half."""
    count, length = tokens.ids.shape
    lower, upper = torch.zeros(2, count, length, length, dtype=torch.bool)
    for row in range(count):
        end = int(tokens.ends[row])
        lower[row, end:, 1:end] = True
        for begin, stop in (tokens.subjects[row], tokens.styles[row]):
            lower[row, stop:, begin:stop] = True
            upper[row, stop:, begin : max(begin, stop - 1)] = True
    return lower[:, None], upper[:, None]


def hiding_masks(strays: tuple[Tensor, Tensor], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Additive causal masks of both halves that hide stray places in a part of the rows, ``(n, 1, length, length)``."""
    count, _, length, _ = strays[0].shape
    causal = torch.full((length, length), HIDDEN).triu(1)
    hide_lower = rng.random(count) < HIDE_LOWER
    hide_upper = hide_lower & (rng.random(count) < HIDE_UPPER)
    lower, upper = (
        torch.where(places & torch.from_numpy(hide).view(-1, 1, 1, 1), HIDDEN, causal)
        for places, hide in zip(strays, (hide_lower, hide_upper), strict=True)
    )
    return lower, upper


def agreement(captions: list[Caption], style: np.ndarray, background: np.ndarray, concept: np.ndarray) -> Tensor:
    """Which picture each caption truly describes: ``(n, n)``, rows sum to one. What is not named is not asked for."""
    same = concept[:, None] == concept[None, :]
    for named, values in (("style", style), ("background", background)):
        silent = np.array([getattr(c, named) is None for c in captions])
        same &= silent[:, None] | (values[:, None] == values[None, :])
    target = torch.from_numpy(same).float()
    return target / target.sum(dim=1, keepdim=True)


def train(work: Path, steps: int) -> CLIPTextModel:
    """Train (or go on training) both towers; saves the text tower to ``<work>/text_encoder``."""
    torch.manual_seed(SEED)
    pictures, vocabulary, tokenizer = Pictures.load(work), Vocabulary.load(), pieces.load(work)
    model = EmojiClip(build(len(tokenizer)))
    by_concept = [np.flatnonzero(pictures.concept == k) for k in range(len(vocabulary))]
    colours = np.array(list(BACKGROUNDS.values()), dtype=np.uint8)
    optimizer = HybridMuon(model, lr=2e-3, plain=("embedding", "log_scale", "stem"), weight_decay=0.05)

    def loss(step: int, random: StepRandom) -> tuple[Tensor, dict[str, float]]:
        rng = random.numpy
        chosen = rng.choice(len(vocabulary), CONCEPTS, replace=False)
        index = np.concatenate([rng.choice(by_concept[k], VARIANTS, replace=False) for k in chosen])
        background = np.where(rng.random(len(index)) < 0.4, 0, rng.integers(len(colours), size=len(index)))
        concept, style = pictures.concept[index].astype(int), pictures.style[index].astype(int)
        captions = [
            describe(rng, vocabulary, int(c), int(s), int(b))
            for c, s, b in zip(concept, style, background, strict=True)
        ]
        images = augment(to_tensor(composite(pictures.rgba[index], colours[background])), rng, random.torch)
        text, stray = _embed_in_chunks(model, tokenizer, captions, rng)
        logits = model.log_scale.clamp(max=4.6).exp() * text @ model.embed_images(images).T
        target = agreement(captions, style, background, concept)
        columns = target / target.sum(dim=0, keepdim=True).clamp(min=1e-6)
        described = target.sum(dim=0) > 0
        by_text = -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()
        by_image = -(columns * logits.log_softmax(dim=0)).sum(dim=0)[described].mean()
        right = target.gather(1, logits.argmax(dim=1, keepdim=True)).gt(0).float().mean()
        return (by_text + by_image) / 2 + STRAY_WEIGHT * stray, {"top1": right.item(), "stray": stray.item()}

    size = CONCEPTS * VARIANTS
    stage = Stage("clip", model, optimizer, loss, steps, size, lambda s: one_cycle(s, steps), SEED)
    run(stage, work, log_every=20)
    save(work, model)
    check(work, stage, retrieval(model, tokenizer, pictures))
    return model.text


def save(work: Path, model: EmojiClip) -> None:
    """Write the text tower, rounded as it will ship so that the denoiser learns with that one, and the image side."""
    model.text.half().float().save_pretrained(work / "text_encoder")
    state = {k: v.contiguous() for k, v in model.state_dict().items() if not k.startswith("text.")}
    side = {k: v.half() if v.dtype == torch.float32 else v for k, v in state.items()}
    (work / "shipping").mkdir(exist_ok=True)
    save_file(side, work / "shipping" / CLIP_FILE.name)


def check(work: Path, stage: Stage, found_by_caption: dict[str, float]) -> None:
    """Measure and record where concepts live; a tower that cannot be edited must not reach the denoiser."""
    vocabulary = Vocabulary.load()
    order = np.random.default_rng(SEED).permutation(len(vocabulary))
    names = [vocabulary.concepts[k].name for k in order[: 2 * PAIRS]]
    pairs = list(zip(names[:PAIRS], names[PAIRS:], strict=True))
    text = TextEncoder(load(work), pieces.load(work))
    found, behind = (
        causal_trace(text, pairs),
        causal_trace(text, pairs, [t for t in FREE_FORM_TEST if t[-2:] != "{}"][:6]),
    )
    half = found.blocks // 2 - 1
    figures.record(
        work,
        "text",
        {
            "captions": stage.done * stage.samples,
            "top1_among_all_concepts": found_by_caption,
            "trace_end": [round(share, 3) for share in found.end],
            "trace_padding": [round(share, 3) for share in found.padding],
            "trace_end_with_unseen_words_behind": [round(share, 3) for share in behind.end],
        },
    )
    if min(found.end[half], found.padding[half]) < BAR:
        raise RuntimeError(
            f"the text tower does not keep concepts at their last token: at half depth the end token recovers "
            f"{found.end[half]:.2f} and padding {found.padding[half]:.2f}, both should reach {BAR}; train it longer"
        )


def augment(images: Tensor, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
    """Shift by up to 3 pixels and add a little noise, so that the image tower learns pictures and not pixels."""
    shift = rng.integers(-3, 4, size=2)
    moved = images.roll((int(shift[0]), int(shift[1])), dims=(2, 3))
    return moved + 0.05 * torch.randn(moved.shape, generator=generator)


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
