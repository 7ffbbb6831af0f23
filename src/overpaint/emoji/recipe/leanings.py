"""How far captions must lean so that *pictures* of a bare profession word show the man in the stated share.

Classifier-free guidance sharpens a leaning, and every word a little differently. So between the parts of the denoiser's
training the pictures of each word are counted, by the grader, and the word's odds in the captions move against what was
missed. The seeds are the recipe's own; those of the evaluation are others.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

import overpaint.emoji.vocabulary as shipped
from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.emoji.assets import GRADER_FILE
from overpaint.emoji.captions import PROMPTS_PLAIN, fill
from overpaint.emoji.grader import EmojiGrader, images_to_tensor, load
from overpaint.emoji.recipe import export, figures
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.files import replacing
from overpaint.seeding import derive

__all__ = ["calibrate", "first_share", "lean", "measured"]

log = logging.getLogger(__name__)
SEED = 404
PICTURES = 32
STRENGTH = 0.4
LEAST = 0.03
"""No word's captions are all of one side, or nothing could be learned of the other."""


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _share(log_odds: float) -> float:
    return min(max(1 / (1 + math.exp(-log_odds)), LEAST), 1 - LEAST)


def first_share(share_man: float) -> float:
    """Where a word begins: guidance roughly squares odds, so captions take the root of the stated ones."""
    return round(_share(_log_odds(share_man) / 2), 3)


def lean(vocabulary: Vocabulary, men: Mapping[str, float], pictures: int = PICTURES) -> Vocabulary:
    """The vocabulary with each word's ``share_in_captions`` moved against what its pictures missed, in log-odds.

    Args:
        men: share of men among ``pictures`` pictures of each word; one picture more of each side is assumed, so that
            a share of 0 or 1 moves the odds by a finite step.
    """
    moved = []
    for one in vocabulary.professions:
        seen = (men[one.word] * pictures + 1) / (pictures + 2)
        step = STRENGTH * (_log_odds(one.share_man) - _log_odds(seen))
        moved.append(replace(one, share_in_captions=round(_share(_log_odds(one.share_in_captions) + step), 3)))
    return replace(vocabulary, professions=tuple(moved))


@torch.no_grad()
def measured(backbone: Backbone, grader: EmojiGrader, vocabulary: Vocabulary, seed: int) -> dict[str, float]:
    """Share of `PICTURES` pictures of each bare word that show rather the man than the woman."""
    men: dict[str, float] = {}
    for one in vocabulary.professions:
        prompts = [fill(PROMPTS_PLAIN[n % len(PROMPTS_PLAIN)], one.word) for n in range(PICTURES)]
        seeds = [derive(seed, "leaning", one.word, n) for n in range(PICTURES)]
        concept = grader.probabilities(images_to_tensor(backbone.images(prompts, seeds))).concept
        man, woman = vocabulary.by_name[one.man], vocabulary.by_name[one.woman]
        men[one.word] = (concept[:, man] > concept[:, woman]).double().mean().item()
    return men


def calibrate(work: Path, device: torch.device) -> None:
    """Count the young denoiser's pictures and move the captions of the package's vocabulary; once for every state."""
    known = figures.read(work)
    samples = known["denoiser"]["samples"]
    if known.get("leanings", {}).get("samples") == samples:
        return
    vocabulary = Vocabulary.load()
    backbone = backbone_of(export.pipeline(work).to(device))
    men = measured(backbone, load(work / "shipping" / GRADER_FILE.name), vocabulary, SEED + samples)
    away = [abs(men[one.word] - one.share_man) for one in vocabulary.professions]
    with replacing(Path(shipped.__file__).with_suffix(".json")) as temporary:
        temporary.write_text(lean(vocabulary, men).to_json(), encoding="utf-8")
    distance = round(sum(away) / len(away), 4)
    figures.record(work, "leanings", {"samples": samples, "mean_distance_from_stated": distance})
    log.info("leanings: %.3f from the stated share in the mean; %s", distance, json.dumps(men))
