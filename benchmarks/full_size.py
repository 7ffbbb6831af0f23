"""What it takes to edit a full-size model: seconds and peak memory of every stage, each in a process of its own.

The model has the true configuration of Stable Diffusion 1.4 or XL at random weights, so nothing is downloaded, and
nothing can be seen in its pictures. Peak memory is that of the whole process, as the system counts it; seconds are
those after the model was loaded, of the clock and of the process itself.

    python benchmarks/full_size.py --model sd1
    python benchmarks/full_size.py --model sdxl --dtype bfloat16
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from true_models import MODELS

import overpaint
from overpaint.backbone.loading import backbone_of
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.errors import OverpaintError
from overpaint.formats.folder import write_folder
from overpaint.patch import Patch

TEMPLATES = ("a photo of a {}", "an image of a {}", "a {} on a table", "two of the {} in a garden")
PLANS: Mapping[str, dict[str, Any]] = {
    "uce": {"method": "uce"},
    "emcid": {"method": "emcid-copy"},
    "esd": {
        "method": "esd-x",
        "settings": {"steps": 5, "trajectories": 1, "image_steps": 2, "checkpoint_every": 0},
    },
}
"""What is fitted, by stage; the five updates of ESD are drawn with two steps, which are no part of an update."""


@dataclass(frozen=True)
class Asked:
    """What is measured: the folder of the work, the type, how many concepts and captions."""

    folder: Path
    dtype: str
    concepts: int
    captions: int

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Sources and destinations, from the bundled vocabulary."""
        names = [concept.name for concept in Vocabulary.load().concepts]
        return [(names[2 * i], names[2 * i + 1]) for i in range(self.concepts)]

    @property
    def texts(self) -> list[str]:
        """Captions for the second moments."""
        names = [concept.name for concept in Vocabulary.load().concepts]
        found = [template.format(name) for template in TEMPLATES for name in reversed(names)]
        return found[: self.captions]

    def patch(self, stage: str) -> Path:
        """The file that a fit leaves."""
        return self.folder / f"{stage}.safetensors"


@dataclass(frozen=True)
class Cost:
    """What a stage took: seconds of the clock and of the process, peak memory and bytes written."""

    clock: float
    cpu: float
    peak: int
    written: int


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="sd1")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--concepts", type=int, default=100)
    parser.add_argument("--captions", type=int, default=3000)
    parser.add_argument("--stage", action="append", choices=STAGES, help="repeat for more; all by default")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as work:
        asked = Asked(Path(work), options.dtype, options.concepts, options.captions)
        apart(_make, options.model, asked)
        own = apart(_measured, "load", asked)
        print("| stage | seconds | CPU seconds | peak GB | of loading's | MB written |\n|---|--:|--:|--:|--:|--:|")
        for stage in options.stage or STAGES:
            cost = own if stage == "load" else apart(_measured, stage, asked)
            size = f"{cost.written / 1e6:.1f}" if cost.written else ""
            print(
                f"| {stage} | {cost.clock:.1f} | {cost.cpu:.1f} | {cost.peak / 1e9:.2f} | {cost.peak / own.peak:.2f}"
                f" | {size} |",
                flush=True,
            )


def apart(action: Callable[[str, Asked], Any], name: str, asked: Asked) -> Any:
    """The action's result, from a fresh process: the peak of one stage is not that of another."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(action, (name, asked))


def _make(model: str, asked: Asked) -> None:
    write_folder(MODELS[model](getattr(torch, asked.dtype)), asked.folder / "base")


def _measured(stage: str, asked: Asked) -> Cost:
    source = asked.folder / ("edited" if stage == "reload" else "base")
    clock, cpu = time.perf_counter(), time.process_time()
    pipe = overpaint.load(source, device="cpu", dtype=getattr(torch, asked.dtype))
    if STAGES[stage] is not _load:
        clock, cpu = time.perf_counter(), time.process_time()
    STAGES[stage](stage, pipe, asked)
    spent = time.perf_counter() - clock, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    wrote = {"save": asked.folder / "edited", "reload": asked.folder / "nothing"}.get(stage, asked.patch(stage))
    files = [wrote] if wrote.is_file() else wrote.rglob("*") if wrote.is_dir() else []
    return Cost(*spent, peak, sum(file.stat().st_size for file in files if file.is_file()))


def _load(stage: str, pipe: Any, asked: Asked) -> None:
    """Nothing but what was done already."""


def _draw(stage: str, pipe: Any, asked: Asked) -> None:
    """One picture with guidance, in one step, as what the model itself takes."""
    backbone_of(pipe).images(["a photo of a dog"], [0], steps=1)


def _fit(stage: str, pipe: Any, asked: Asked) -> None:
    if stage == "esd":
        edits = [{"erase": asked.pairs[0][0]}]
    else:
        edits = [{"replace": source, "with": destination} for source, destination in asked.pairs]
    plan = overpaint.Plan.parse({**PLANS[stage], "edits": edits})
    overpaint.fit(pipe, plan, captions=asked.texts).save(asked.patch(stage))


def _save(stage: str, pipe: Any, asked: Asked) -> None:
    """All patches that were fitted, applied and written as a diffusers folder."""
    patches = [Patch.load(asked.patch(name)) for name in PLANS if asked.patch(name).is_file()]
    applied = patches[0]
    for patch in patches[1:]:
        applied = applied + patch
    applied.apply(pipe)
    write_folder(pipe, asked.folder / "edited")
    (asked.folder / "fingerprint").write_text(backbone_of(pipe).fingerprint)


def _reload(stage: str, pipe: Any, asked: Asked) -> None:
    """The edited folder is what was applied, to the bit."""
    if backbone_of(pipe).fingerprint != (asked.folder / "fingerprint").read_text():
        raise OverpaintError("the edited folder is not what was written")


STAGES: Mapping[str, Callable[[str, Any, Asked], None]] = {
    "load": _load,
    "draw": _draw,
    "uce": _fit,
    "emcid": _fit,
    "esd": _fit,
    "save": _save,
    "reload": _reload,
}
"""In their order; saving wants a fit before it, and reloading saving."""


if __name__ == "__main__":
    main()
