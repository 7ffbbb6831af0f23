"""Stage II on the shapes of Stable Diffusion 1.4, against the published loop, in one run.

A CLIP text model of the true configuration with random weights, eleven blocks of 768x3072, random concepts of one to
three tokens, all in the same three templates, as published. The second moment, 3072x3072, is given to both ways; one
serves for all blocks.

* published: for every block two full forward passes over all prompts, padded to the longest, in one batch (for the
  keys, then for the outputs), and one dense solve in float64 by LU; weights are edited in place and put back. Its
  search for tokens in Python, tens of seconds at 1,000 concepts, is not counted.
* ours: one streaming pass, in which the templates' beginnings are shared, and Cholesky factors. Once with the published
  residual, whose changes must be the published ones (column difference: of the last block's change, which depends on
  all before it, relative to its largest entry), and once with the residual in the stream, which is the default and has
  more to compute: what is behind every edited block. Each with the factors of the moments computed in the run, and with
  factors that are there already, as a second edit of a model finds them.

Seconds are those of the clock, and "busy" those of all processor cores together, which say more where a machine is
shared; the bar is on the clock's. Every way runs in a process of its own, one after the other; memory is the most that
it took beyond what it began with. ``--sample N`` runs the published loop on N of its blocks, spread over all, and
scales its time up; the table says so.

    python -m benchmarks.stage_two --concepts 1000 --threads 2 --out stage_two.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.measuring import alone, peak
from tests.models import tiny_tokenizer
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from overpaint.backbone.text import TextEncoder
from overpaint.files import write_json_atomic
from overpaint.linear.lowrank import Factors
from overpaint.linear.moments import SecondMoment
from overpaint.linear.precision import exact
from overpaint.linear.ridge import Penalty, penalty
from overpaint.methods.emcid.keys import Prompts, average
from overpaint.methods.emcid.stage_two import Aim, stage_two

BAR = 10.0
TEMPLATES, BEFORE = 3, (3, 4, 5)
"""Prompts of each concept, and the tokens before it in them, the begin token included."""
CONCEPT = (1, 3)
WEIGHT = 4000.0
Changes = dict[int, Factors]
Spent = tuple[float, float]
"""Seconds by the clock, and of all cores together."""


@dataclass(frozen=True)
class Shape:
    """A text tower and the blocks that are edited; the defaults are Stable Diffusion 1.4's."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    vocabulary: int = 49408
    edited: int = 11


@dataclass(frozen=True)
class Asked:
    """What both ways are given."""

    text: TextEncoder
    prompts: Prompts
    values: Tensor
    blocks: tuple[int, ...]
    moment: Tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", type=int, default=1000)
    parser.add_argument("--sample", type=int, help="so many blocks of the published loop; all if not said")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("stage_two.json"))
    options = parser.parse_args()
    found = compared(Shape(), options.concepts, options.sample, options.threads, options.seed, alone)
    write_json_atomic(options.out, found)
    print(table(found))


def compared(
    shape: Shape,
    concepts: int,
    sample: int | None,
    threads: int,
    seed: int,
    run: Callable[[Callable[[], dict[str, Any]]], dict[str, Any]],
) -> dict[str, Any]:
    """Seconds, memory and difference of all ways, each of which ``run`` does."""
    blocks = list(range(shape.edited))
    chosen = blocks if sample is None else blocks[:: max(1, len(blocks) // sample)][:sample]
    ways: dict[str, Callable[[Asked], tuple[Spent, Changes]]] = {"published": partial(published, chosen=chosen)}
    for residual in ("mlp", "stream"):
        ways |= {f"{residual}, {name}": partial(ours, residual=residual, known=known) for name, known in KNOWN.items()}
    rows = {name: run(partial(measured, way, shape, concepts, threads, seed)) for name, way in ways.items()}
    last = {name: row.pop("last") for name, row in rows.items()}
    whole = len(blocks) / len(chosen)
    slow = {kind: rows["published"][kind] * whole for kind in ("seconds", "busy")}
    rows["published"] |= {**slow, "computed": len(chosen), "of": len(blocks)}
    for name in [name for name in rows if name != "published"]:
        rows[name]["faster"] = slow["seconds"] / rows[name]["seconds"]
        rows[name]["less busy"] = slow["busy"] / rows[name]["busy"]
        if name.startswith("mlp") and chosen == blocks:
            rows[name]["difference"] = apart(last[name], last["published"])
    run_as = {"concepts": concepts, "threads": threads, "seed": seed, "torch": torch.__version__}
    return {**run_as, "bar": BAR, "rows": rows}


KNOWN = {"factors computed": False, "factors known": True}


def published(asked: Asked, chosen: Sequence[int]) -> tuple[Spent, Changes]:
    """The released loop: two full passes and a dense solve for each of the chosen blocks."""
    text, prompts = asked.text, asked.prompts
    ids = prompts.ids[:, : int(prompts.end.max()) + 1]
    before = {block: text.fc2(block).weight.clone() for block in chosen}
    changes: Changes = {}
    start = now()
    for block in chosen:
        k = average(prompts.at_last(full_pass(text, ids, block)[0]), prompts.owner, prompts.concepts).mT
        m = average(prompts.at_last(full_pass(text, ids, block)[1]), prompts.owner, prompts.concepts).mT
        r = (exact(asked.values).mT - m) / (len(asked.blocks) - block)
        adjoint = torch.linalg.solve(WEIGHT * asked.moment + k @ k.mT, k)
        text.fc2(block).weight += (r @ adjoint.mT).float()
        changes[block] = Factors(r, adjoint.mT)
    for block, weight in before.items():
        text.fc2(block).weight.copy_(weight)
    return since(start), changes


def now() -> Spent:
    """Readings of both clocks."""
    return time.perf_counter(), time.process_time()


def since(start: Spent) -> Spent:
    """What has passed on both."""
    clock, busy = now()
    return clock - start[0], busy - start[1]


def full_pass(text: TextEncoder, ids: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Inputs and outputs of a block's fc2, from the whole encoder."""
    out, keys, outputs = text.block_with_mlp(text.run(text.embed(ids), 0, block), block)
    text.finish(text.run(out, block + 1, len(text.blocks)))
    return keys, outputs


def ours(asked: Asked, residual: str, known: bool) -> tuple[Spent, Changes]:
    """The streaming pass. ``known``: factors of the moments are there."""
    ready = penalty(asked.moment) if known else None

    def penalty_of(block: int) -> Penalty:
        return ready or penalty(asked.moment)

    aim = Aim(asked.prompts, asked.values)
    start = now()
    changes = stage_two(asked.text, aim, asked.blocks, penalty_of, WEIGHT, residual=residual)
    return since(start), changes


@torch.no_grad()
def measured(
    way: Callable[[Asked], tuple[Spent, Changes]], shape: Shape, concepts: int, threads: int, seed: int
) -> dict[str, Any]:
    """One way on its own copy of everything."""
    torch.set_num_threads(threads)
    asked = asked_for(shape, concepts, seed)
    before = peak()
    (seconds, busy), changes = way(asked)
    return {
        "seconds": seconds,
        "busy": busy,
        "megabytes": (peak() - before) / 1e6,
        "last": changes[max(changes)].matrix,
    }


def asked_for(shape: Shape, concepts: int, seed: int) -> Asked:
    """Random weights, prompts and values, and the second moment of random keys."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer(77)
    config = CLIPTextConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=4 * shape.width,
        num_hidden_layers=shape.depth, num_attention_heads=shape.heads, eos_token_id=shape.vocabulary - 1,
    )  # fmt: skip
    text = TextEncoder(CLIPTextModel(config).eval().requires_grad_(False), tokenizer)
    prompts = random_prompts(concepts, shape.vocabulary)
    blocks = tuple(range(shape.edited))
    values = torch.randn(concepts, shape.width)
    return Asked(text, prompts, values, blocks, random_moment(text.key_width))


def random_moment(width: int) -> Tensor:
    """C (width, width) of keys that are four times as many, in parts, so that little memory is taken beside it."""
    moment = SecondMoment.empty(width)
    for _ in range(16):
        moment += SecondMoment.of(torch.randn(width // 4, width))
    return moment.mean


def random_prompts(concepts: int, vocabulary: int) -> Prompts:
    """Prompts as CLIP tokenises the paper's: begin, words, concept, end; the rest of the window is end tokens."""
    length = torch.randint(CONCEPT[0], CONCEPT[1] + 1, (concepts,)).repeat_interleave(TEMPLATES)
    start = torch.tensor(BEFORE).repeat(concepts)
    last = start + length - 1
    words, phrases = (torch.randint(1, vocabulary - 2, (n, 77)) for n in (TEMPLATES, concepts))
    at = torch.arange(77)
    behind = (at - start[:, None]).clamp(min=0)
    ids = torch.where(
        at < start[:, None], words.repeat(concepts, 1), phrases.repeat_interleave(TEMPLATES, dim=0).gather(1, behind)
    )
    ids[:, 0] = vocabulary - 2
    ids[at > last[:, None]] = vocabulary - 1
    owner = torch.arange(concepts).repeat_interleave(TEMPLATES)
    return Prompts(ids, start, last, last + 1, owner, concepts)


def apart(made: Tensor, wanted: Tensor) -> float:
    """Largest distance of two matrices, by the largest entry of the wanted one."""
    return float((made - wanted).abs().max() / wanted.abs().max())


def table(found: dict[str, Any]) -> str:
    """Markdown; the bar is on the default, with factors computed."""
    head = "| way | seconds | faster | busy | less busy | memory, MB | difference |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for name, row in found["rows"].items():
        part = f" ({row['computed']} of {row['of']} blocks)" if row.get("computed", 0) != row.get("of", 0) else ""
        faster, less = (f"{row[kind]:.1f}" if kind in row else "1" for kind in ("faster", "less busy"))
        difference = "-" if row.get("difference") is None else f"{row['difference']:.1e}"
        times = (f"{row['seconds']:.1f}{part}", faster, f"{row['busy']:.1f}", less)
        memory = f"{row['megabytes']:.0f}"
        lines.append(f"| {' | '.join((name, *times, memory, difference))} |")
    times = found["rows"]["stream, factors computed"]["faster"]
    verdict = f"default {times:.1f} times faster, bar {found['bar']:g}: {'met' if times >= found['bar'] else 'missed'}"
    return "\n".join([*lines, "", verdict])


if __name__ == "__main__":
    main()
