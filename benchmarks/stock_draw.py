"""Draw with a stock diffusers pipeline, and nothing else: what somebody does who was sent an edited folder.

    python benchmarks/stock_draw.py MODEL REQUESTS.json PICTURES

``REQUESTS.json`` is a list of [prompt, seed], picture number k goes to ``PICTURES/k.png``; what is there already is
kept. Every picture has a generator of its own on the CPU, and a batch is always full, so that a picture does not depend
on what else is drawn or on where a stopped drawing went on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("requests", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=7.5)
    options = parser.parse_args()
    requests = json.loads(options.requests.read_text(encoding="utf-8"))
    options.pictures.mkdir(parents=True, exist_ok=True)
    left = [k for k in range(len(requests)) if not (options.pictures / f"{k}.png").is_file()]
    kind = {"torch_dtype": torch.float32, "use_safetensors": True}  # else the text encoder stays as stored, in half
    pipe = StableDiffusionPipeline.from_pretrained(options.model, safety_checker=None, **kind)
    pipe.set_progress_bar_config(disable=True)
    for start in range(0, len(left), BATCH):
        part = left[start : start + BATCH]
        full = part + [part[-1]] * (BATCH - len(part))
        drawn = pipe(
            [requests[k][0] for k in full],
            generator=[torch.Generator("cpu").manual_seed(requests[k][1]) for k in full],
            num_inference_steps=options.steps,
            guidance_scale=options.guidance,
        ).images
        for k, image in zip(part, drawn, strict=False):
            temporary = options.pictures / f".{k}.png"
            image.save(temporary)
            os.replace(temporary, options.pictures / f"{k}.png")
        print(f"{options.pictures}: {start + len(part)} of {len(left)} drawn", flush=True)
    if "overpaint" in sys.modules:
        raise SystemExit("overpaint was imported, so these pictures prove nothing about an edited folder by itself")


if __name__ == "__main__":
    main()
