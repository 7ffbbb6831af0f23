"""``python -m overpaint.emoji.recipe``: from icon packages to shipped weights, one stage after another.

Every stage resumes from its checkpoint in the work folder and passes when it is complete; ``--only`` runs one alone.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from pathlib import Path

import torch

from overpaint.backbone.devices import best_device
from overpaint.emoji.recipe import (
    adopt,
    autoencoder,
    denoiser,
    export,
    grader,
    image_side,
    render,
    sources,
    text_tower,
    tokenizer,
)

__all__ = ["main"]


def main() -> None:
    """Run the stages asked for."""
    parser = argparse.ArgumentParser(prog="python -m overpaint.emoji.recipe", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".work/emoji"), help="folder of checkpoints and caches")
    parser.add_argument("--only", action="append", help="run this stage alone (may be repeated)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="processor threads")
    parser.add_argument("--autoencoder-steps", type=int, default=1900)
    parser.add_argument("--image-steps", type=int, default=900)
    parser.add_argument("--text-steps", type=int, default=1050)
    parser.add_argument("--denoiser-steps", type=int, default=60_000)
    parser.add_argument("--denoiser-rate", type=float, default=2e-3, help="its peak")
    parser.add_argument("--batch", type=int, default=96, help="pictures per step of the denoiser")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw its batches ahead")
    parser.add_argument("--grader-steps", type=int, default=2000)
    parser.add_argument("--go-on", action="store_true", help="train on from the shipped weights, on a machine without")
    parser.add_argument("--device", type=torch.device, default=best_device(), help="cpu, cuda, mps ...")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    work: Path = options.work
    device: torch.device = options.device
    work.mkdir(parents=True, exist_ok=True)
    shipped = adopt.adopt(work) if options.go_on else None
    stages: dict[str, Callable[[], object]] = {
        "sources": lambda: sources.fetch(work),
        "render": lambda: render.render(work),
        "tokenizer": lambda: tokenizer.train(work),
        "autoencoder": lambda: autoencoder.train(work, options.autoencoder_steps, device),
        "images": lambda: image_side.train(work, options.image_steps, device),
        "text": lambda: text_tower.train(work, options.text_steps, device),
        "grader": lambda: grader.train(work, options.grader_steps, device),
        "denoiser": lambda: denoiser.train(
            work,
            options.denoiser_steps,
            device,
            batch=options.batch,
            rate=options.denoiser_rate,
            workers=options.workers,
            start=shipped,
        ),
        "export": lambda: export.export(work, device),
    }
    trained = ("tokenizer", "autoencoder", "images", "text", "grader") if options.go_on else ()
    for name in options.only or [name for name in stages if name not in trained]:
        stages[name]()


if __name__ == "__main__":
    main()
