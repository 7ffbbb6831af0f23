"""One map of text states against the textbook formula for every matrix, on the shapes of published models.

Matrices have the shapes of all key and value matrices of cross-attention in Stable Diffusion 1.4 (32, reading states of
768 numbers) and SDXL (140, of 2048), with random values; concepts are pairs of random states as long as CLIP's, alike
in a common part. With ``--templates N`` each concept has N pairs, one for each prompt that it is edited in (`uce` has
three); those of one concept are no more alike than those of two, for neither rank nor work depends on it. In one run,
in one process, for each number of concepts:

* textbook: UCE's loop as published (arXiv 2308.14761): for every matrix both sums over all concepts, an inverse and a
  product, in float32. With ``--sample N`` only N matrices spread over the network are computed, and the time is scaled
  up by their sizes (outputs and inputs); the table says so.
* map: T - I by one solve in float64, and its patch.
* weights: applying the patch, all new matrices from the map, in float64; not needed to have an edit, only to use it.

Seconds are those of the clock, or with ``--cpu`` the process's own, which a busy machine does not stretch. Faster is
how many times: textbook against map (an edit for an edit: a file) and against map and weights (new matrices for new
matrices). The difference is that of the new first matrix from the textbook's in float64 (not timed), relative to its
largest change.

    python benchmarks/closed_form.py --models sd14 sdxl --concepts 1 10 100 1000 --sample-from 100 --sample 14
    python benchmarks/closed_form.py --models sdxl --concepts 100 --templates 3 --empty-prompt --sample-from 100
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from overpaint.methods.closed_form.kept import Kept
from overpaint.methods.closed_form.pairs import Pairs
from overpaint.methods.closed_form.text_map import text_map, written
from overpaint.patch import Mapped, Patch
from overpaint.patch.fingerprint import fingerprint

LAMBDA = 0.5
EMPTY_PROMPT = 77
"""Tokens of CLIP's window; the first is the begin token."""
SHAPES: dict[str, tuple[int, list[int]]] = {
    # width of the text states, outputs of each key matrix; values are as many again
    "sd14": (768, [320] * 2 + [640] * 2 + [1280] * 2 + [1280] + [1280] * 3 + [640] * 3 + [320] * 3),
    "sdxl": (2048, [640] * 4 + [1280] * 20 + [1280] * 10 + [1280] * 30 + [640] * 6),
}


@dataclass(frozen=True)
class Row:
    """One line of the table; seconds."""

    model: str
    concepts: int
    computed: int
    matrices: int
    textbook: float | None
    solve: float
    weights: float
    megabytes: float
    difference: float | None

    def __str__(self) -> str:
        sampled = "" if self.computed == self.matrices else f" ({self.computed} of {self.matrices})"
        slow = "not run" if self.textbook is None else f"{self.textbook:.1f}{sampled}"
        faster = ("-", "-")
        if self.textbook is not None:
            faster = (f"{self.textbook / self.solve:.0f}", f"{self.textbook / (self.solve + self.weights):.1f}")
        apart = "-" if self.difference is None else f"{self.difference:.1e}"
        cells = (self.model, self.concepts, slow, f"{self.solve:.3f}", f"{self.weights:.2f}", *faster)
        return "| " + " | ".join(map(str, (*cells, f"{self.megabytes:.2f}", apart))) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=sorted(SHAPES), default=sorted(SHAPES))
    parser.add_argument("--concepts", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--skip-from", type=int, default=10**9, help="no textbook loop from so many concepts on")
    parser.add_argument("--sample-from", type=int, default=10**9, help="a part of its matrices from so many on")
    parser.add_argument("--sample", type=int, default=14, help="how many matrices that part has")
    parser.add_argument("--templates", type=int, default=1, help="pairs of each concept, one for each prompt")
    parser.add_argument(
        "--empty-prompt", action="store_true",
        help="the map keeps a begin token exactly and protects the empty prompt's other tokens, as `uce` does",
    )  # fmt: skip
    parser.add_argument("--cpu", action="store_true", help="count the process's own seconds, all threads together")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        "| model | concepts | textbook s | map s | weights s | faster: map | map and weights | MB | difference |\n"
        "|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for model in options.models:
        layers = matrices(model, options.seed)
        base = {name: fingerprint(weight) for name, weight in layers.items()}
        for concepts in options.concepts:
            print(measure(model, layers, base, concepts, options), flush=True)


def measure(
    model: str, layers: dict[str, Tensor], base: dict[str, str], concepts: int, options: argparse.Namespace
) -> Row:
    """One row, both ways on the same pairs."""
    width = SHAPES[model][0]
    pairs = concept_pairs(width, concepts * options.templates, options.seed)
    clock = time.process_time if options.cpu else time.perf_counter
    empty = concept_pairs(width, EMPTY_PROMPT if options.empty_prompt else 0, options.seed + 2).keys
    with tempfile.TemporaryDirectory() as folder:
        started = clock()
        change = text_map(pairs, Kept(empty[:, :1], empty[:, 1:]), LAMBDA)
        patch = Patch({name: Mapped(written(change)) for name in layers}, base)
        path = patch.save(Path(folder) / "patch.safetensors")
        solve = clock() - started
        megabytes = path.stat().st_size / 1e6
    chosen = [] if concepts >= options.skip_from else list(layers)
    if concepts >= options.sample_from:
        chosen = chosen[:: max(1, len(layers) // options.sample)][: options.sample]
    started = clock()
    slow = {name: textbook(layers[name], pairs.keys.float(), pairs.targets.float()) for name in chosen}
    took = clock() - started
    scaled = took * effort(layers.values()) / effort(slow.values()) if slow else None
    weights = apply_all(layers, patch, clock)
    difference = apart(*next(iter(layers.items())), patch, pairs) if slow and not options.empty_prompt else None
    return Row(model, concepts, len(chosen), len(layers), scaled, solve, weights, megabytes, difference)


def textbook(weight: Tensor, keys: Tensor, targets: Tensor) -> Tensor:
    """New W (out, d): ``(lambda W + sum W g c^T) (lambda I + sum c c^T)^-1``, concept by concept."""
    left = LAMBDA * weight
    right = LAMBDA * torch.eye(weight.shape[1], dtype=weight.dtype)
    for c, g in zip(keys.mT, targets.mT, strict=True):
        left += torch.outer(weight @ g, c)
        right += torch.outer(c, c)
    return left @ torch.linalg.inv(right)


def apply_all(layers: dict[str, Tensor], patch: Patch, clock: Callable[[], float]) -> float:
    """Seconds to make all new matrices from the patch."""
    started = clock()
    for name, weight in layers.items():
        (weight.double() + patch.deltas[name].of(weight)).float()
    return clock() - started


def apart(name: str, weight: Tensor, patch: Patch, pairs: Pairs) -> float:
    """Largest distance of one new matrix from the textbook's in float64, by the largest change."""
    change = textbook(weight.double(), pairs.keys, pairs.targets) - weight
    return float((patch.deltas[name].of(weight) - change).abs().max() / change.abs().max())


def matrices(model: str, seed: int) -> dict[str, Tensor]:
    """Random matrices of all shapes, keys and values, scaled like a fresh layer's."""
    width, keys = SHAPES[model]
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for i, out in enumerate(keys):
        for letter in "kv":
            found[f"unet.{i:03d}.attn2.to_{letter}.weight"] = torch.randn(out, width, generator=generator) / width**0.5
    return found


def concept_pairs(width: int, count: int, seed: int) -> Pairs:
    """Random states of norm about 28, cosines about 0.5, in pairs."""
    generator = torch.Generator().manual_seed(seed + 1)
    common = torch.randn(width, 1, generator=generator, dtype=torch.float64)
    own = torch.randn(width, 2 * count, generator=generator, dtype=torch.float64)
    states = 28 * (common + own) / (2 * width) ** 0.5
    return Pairs(states[:, :count].contiguous(), states[:, count:].contiguous())


def effort(weights: Iterable[Tensor]) -> int:
    """Outputs and inputs of all matrices: what a loop over outer products takes, up to a factor."""
    return sum(sum(weight.shape) for weight in weights)


if __name__ == "__main__":
    main()
