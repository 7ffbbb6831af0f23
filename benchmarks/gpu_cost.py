"""What EMCID would cost on a data-centre GPU: an estimate from counted operations, no measurement.

The parts of Stable Diffusion 1.4 in their true shapes, without weights, are run once and their floating-point
operations counted: UNet, autoencoder, text encoder. How often each runs follows from the settings (as
`overpaint edit --dry-run` says it); a backward pass counts as two forward ones. Stage II adds its factorisations and
solves by formula, in float64. Seconds are operations by the card's published peak rate, of which a stated share is
taken to be reached; transfers, kernels that wait and everything else are left out.

    python -m benchmarks.gpu_cost --share 0.3 --out gpu_cost.json
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from benchmarks.measuring import NUMBERS, PRESETS
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

from overpaint.files import write_json_atomic
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.defaults import defaults
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.work import stage_one_work
from overpaint.plan.templates import KINDS

CARDS = {"A100": (312e12, 19.5e12), "H100": (989e12, 67e12)}
"""Published peak operations in a second: bfloat16 with dense tensors, float64 (both on tensor cores, SXM)."""
PROTECTED, TOKENS = 77, 3
"""Tokens of the empty prompt that are kept, and of a concept, about; templates' beginnings are shared."""


@dataclass(frozen=True)
class Parts:
    """Operations of one forward pass: UNet on a latent, autoencoder each way, text encoder on a full window."""

    unet: float
    encode: float
    decode: float
    text: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.3, help="of the peak rate that is reached")
    parser.add_argument("--out", type=Path, default=Path("gpu_cost.json"))
    options = parser.parse_args()
    found = estimated(counted(), options.share)
    write_json_atomic(options.out, found)
    for row in found["rows"]:
        print(row)


def counted() -> Parts:
    """The operations of Stable Diffusion 1.4's parts, on tensors without content."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
        vae = AutoencoderKL(
            latent_channels=4, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        )  # fmt: skip
        text = CLIPTextModel(
            CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        )
        latent, states = torch.zeros(1, 4, 64, 64), torch.zeros(1, 77, 768)
        return Parts(
            flops(lambda: unet(latent, torch.zeros(1), states)),
            flops(lambda: vae.encode(torch.zeros(1, 3, 512, 512))),
            flops(lambda: vae.decode(latent)),
            flops(lambda: text(torch.zeros(1, 77, dtype=torch.long))),
        )


@torch.no_grad()
def flops(work: Any) -> float:
    """Operations (a multiplication and an addition are two) of matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def estimated(parts: Parts, share: float) -> dict[str, Any]:
    """Operations and seconds by preset and number of concepts."""
    rows = []
    for preset in PRESETS:
        config = EmcidConfig.model_validate(defaults(preset, "sd1", {"text_encoder": 12}))
        for number in NUMBERS:
            one, two = stage_one(parts, config, number), stage_two(parts, config, number)
            seconds = {card: one / (share * half) + two / (share * exact) for card, (half, exact) in CARDS.items()}
            rows.append({"preset": preset, "concepts": number, "stage one": one, "stage two": two, "seconds": seconds})
    return {"share": share, "parts": vars(parts), "rows": rows}


def stage_one(parts: Parts, config: EmcidConfig, number: int) -> float:
    """Operations to learn so many replacements of objects."""
    templates = KINDS["object"].prompts
    work = stage_one_work([Concept("source", "destination", templates, seed=0)], config)
    each = work.pictures * (parts.encode + parts.decode) if config.round_trip else 0.0
    each += work.evaluations * parts.unet + 2 * len(templates) * parts.text
    if config.values != "copy":  # the last block alone, forward and backward
        each += 3 * config.steps * len(templates) * parts.text / 12
    return number * each


def stage_two(parts: Parts, config: EmcidConfig, number: int, out: int = 768, width: int = 3072) -> float:
    """Operations to write them: the streaming pass, and for every block a factorisation and the solve for all keys."""
    assert isinstance(config.blocks, tuple)
    blocks = len(config.blocks)
    behind = sum(range(blocks)) if config.residual == "stream" else 0
    passes = (blocks + behind) / 12 * parts.text * TOKENS / 77
    keys = number + (PROTECTED if config.protect else 0)
    rank = min(number, out)
    few = width**2 * (keys + rank) + 2 * width * keys * (keys + rank) + keys**3 / 3 + 2 * keys**2 * rank
    many = 2 * width**3 + 2 * width**2 * (keys + rank) + 2 * width * number * rank + width**3 / 3
    return number * len(KINDS["object"].prompts) * passes + blocks * (width**3 / 3 + (few if keys < width else many))


if __name__ == "__main__":
    main()
