"""What an edit costs against the number of concepts, and docs/speed.md from it.

    python -m benchmarks.stage_two --out runs/bench/speed/stage_two.json
    python -m benchmarks.nothing_lost --out runs/bench/speed/nothing_lost.json
    python -m benchmarks.gpu_cost --out runs/bench/speed/gpu_cost.json
    python -m benchmarks.speed --budget 1800 --rounds emcid=100 --rounds emcid-copy=1000
    python -m benchmarks.speed --page

Each preset and number of concepts is measured in a process of its own, with nothing known beforehand but the second
moments, which are the model's and are gathered once: seconds of Stage I and Stage II by the clock, evaluations of the
denoiser on one latent (a backward pass counts as two), and the most memory beyond the loaded model's. Then one concept
more, and one less, with the memories that are there. Numbers of concepts that would take longer than ``--budget``
seconds by what the one before has cost are left out and said to be. ``--rounds METHOD=N`` asks for N concepts in ten
rounds and at once and compares the changes; with ``--no-costs``, nothing else.

What is measured lies in ``--folder``, and stays there from one call to the next; the page is made of all that is there.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.measuring import NUMBERS, PRESETS, Clock, Evaluations, alone, peak
from benchmarks.speed_page import write_page
from tests.patch.examples import matrix_of

from overpaint.backbone.backbone import Backbone
from overpaint.bench.pairs import choose
from overpaint.cli.cache import SharingStore
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.files import write_json_atomic
from overpaint.json_reading import from_json
from overpaint.methods import TransientStore, configure, fit
from overpaint.methods.captions import captions_for
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.penalties import penalties_of
from overpaint.methods.emcid.sites import edited, sites_of
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.runs.bank import MemoryBank

ROUNDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="emoji")
    parser.add_argument("--preset", action="append", help="repeat for more")
    parser.add_argument("--concepts", type=int, action="append", help="repeat for more")
    parser.add_argument("--budget", type=float, default=1800.0, help="seconds that one measurement may take")
    parser.add_argument("--rounds", type=method_and_number, action="append", default=[], metavar="METHOD=N")
    parser.add_argument("--no-costs", action="store_true", help="keep those that were measured")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/bench/speed"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    parser.add_argument("--page", action="store_true", help="only write the page, of what is there")
    options = parser.parse_args()
    if not options.page:
        moments, same = options.folder / "moments", {"seed": options.seed, "threads": options.threads}
        ask = partial(asked, options.model, moments=moments, **same)
        presets, numbers = options.preset or PRESETS, sorted(options.concepts or NUMBERS)
        costs = options.folder / "costs.json"
        found = {"model": options.model, "machine": machine(options.threads), "moments": [], "rows": []}
        if options.no_costs:
            found, presets = from_json(costs.read_text(encoding="utf-8")), ()
        for preset in presets:
            found["moments"].append(alone(partial(gather, options.model, preset, moments, **same)))
            found["rows"] += scaled(preset, numbers, options.budget, lambda n, p=preset: alone(partial(ask, p, n)))
            write_json_atomic(costs, found)
        for method, number in options.rounds:
            others = [row for row in found.get("rounds", []) if (row["method"], row["concepts"]) != (method, number)]
            row = alone(partial(in_rounds, options.model, method, number, moments=moments, **same))
            found["rounds"] = [*others, row]
            write_json_atomic(costs, found)
    print(write_page(options.folder, options.docs))


def method_and_number(said: str) -> tuple[str, int]:
    """``METHOD=N``."""
    method, _, number = said.partition("=")
    return method, int(number)


def scaled(preset: str, numbers: Sequence[int], budget: float, ask: Any) -> list[dict[str, Any]]:
    """Rows of one preset; numbers that would take longer than ``budget`` seconds are left out with the reason."""
    rows: list[dict[str, Any]] = []
    each: float | None = None
    for number in numbers:
        row: dict[str, Any] = {"preset": preset, "concepts": number}
        if each is not None and each * number > budget:
            row["skipped"] = f"about {each * number:.0f} s"
        else:
            row |= ask(number)
            each = (row["stage one"] + row["stage two"]) / number
        rows.append(row)
    return rows


def asked(model: str, preset: str, number: int, *, moments: Path, seed: int, threads: int) -> dict[str, Any]:
    """One preset on so many concepts, then on one more and on one less."""
    torch.set_num_threads(threads)
    backbone = opened(model)
    store, clock, seen = remembering(moments), Clock(), Evaluations()
    before = peak()
    with seen.of(backbone.denoiser):
        start = time.perf_counter()
        fit(backbone, plan_of(model, preset, number, seed), store=store, progress=clock)
        whole = time.perf_counter() - start
    stage_two = clock.seconds["Stage II"]
    row = {"stage one": whole - stage_two, "stage two": stage_two, "evaluations": seen.count}
    row["megabytes"] = (peak() - before) / 1e6
    for name, other in (("one more", number + 1), ("one less", number - 1)):
        if other:
            start = time.perf_counter()
            fit(backbone, plan_of(model, preset, other, seed), store=store)
            row[name] = time.perf_counter() - start
    return row


def in_rounds(model: str, method: str, number: int, *, moments: Path, seed: int, threads: int) -> dict[str, Any]:
    """So many concepts in ten rounds and at once: how far the changes are apart."""
    torch.set_num_threads(threads)
    backbone, grown = opened(model), remembering(moments)
    for count in range(number // ROUNDS, number + 1, number // ROUNDS):
        last = fit(backbone, plan_of(model, method, count, seed), store=grown)
    once = fit(backbone, plan_of(model, method, number, seed), store=remembering(moments))
    assert isinstance(last, Patch)
    assert isinstance(once, Patch)
    return {"method": method, "concepts": number, "apart": apart(last, once), "same hash": last.hash == once.hash}


def apart(one: Patch, other: Patch) -> float:
    """Largest relative distance of two changes of a weight."""
    wanted = {name: matrix_of(delta) for name, delta in other.deltas.items()}
    return max(float((matrix_of(one.deltas[name]) - w).norm() / w.norm()) for name, w in wanted.items())


def gather(model: str, preset: str, folder: Path, seed: int, threads: int) -> dict[str, Any]:
    """Second moments and their factors into the folder, unless they are there; seconds that the moments took."""
    torch.set_num_threads(threads)
    backbone, clock = opened(model), Clock()
    plan = plan_of(model, preset, 1, seed)
    config = configure(plan, backbone)
    assert isinstance(config, EmcidConfig)
    sites, captions = sites_of(backbone, plan, config), captions_for(backbone, config.captions, None)
    for text in edited(backbone, plan, config):
        blocks, bank = sites[text.name], MemoryBank(folder)
        penalty_of = penalties_of(backbone, text, captions, blocks, config.padding, bank, clock)
        for block in blocks:
            penalty_of(block)
    return {"preset": preset, "seconds": clock.seconds["second moments"]}


def remembering(folder: Path) -> SharingStore:
    """A store that knows the model's moments and their factors, and no concept."""
    return SharingStore(TransientStore(), MemoryBank(folder))


def plan_of(model: str, preset: str, number: int, seed: int) -> Plan:
    """Replacements drawn by seed; more edits begin with those of fewer."""
    vocabulary = Vocabulary.load()
    names = [concept.name for concept in vocabulary.concepts]
    return choose(vocabulary, names, number, holdouts=0, seed=seed).plan(model=model, method=preset, seed=seed)


def opened(model: str) -> Backbone:
    from overpaint.cli.models import open_backbone

    return open_backbone(model, "cpu")


def machine(threads: int) -> dict[str, Any]:
    return {"cores": os.cpu_count(), "threads": threads, "processor": platform.machine(), "torch": torch.__version__}


if __name__ == "__main__":
    main()
