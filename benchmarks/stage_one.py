"""Ways to find a value, at equal Stage II: what each costs and how much of the destination it brings.

In text space first, without pictures. For each way:

* seconds of processor time for each concept in Stage I;
* share of the destination's final states that is recovered after Stage II, 1 - squared distance left, at the end token
  and over two padding tokens, on the templates that values are learned in and on sentences that nobody has seen;
* the same over all positions from the subject on, in the metric in which the denoiser reads them;
* squared distance that hold-outs' end tokens move, relative to the mean between two concepts.

    python benchmarks/stage_one.py --edits 40
    python benchmarks/stage_one.py --edits 100 --way copy --way "states, placed" --pictures 30

``--pictures K`` draws K of the edits as well, and grades them. Settings of all ways: ``--set lambda=3000``. The default
is the validation split: whoever picks by these figures may not report them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from emoji_methods import Column, Opened, arguments, judged, opened, told
from text_space import HELD_IN, SCORED, share, tails

from overpaint.bench.suites.emoji.replacing import replacement
from overpaint.bench.suites.emoji.world import World
from overpaint.methods import TransientStore, configure, fit
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.fit import concepts_of
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.learn import learn
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.states import States
from overpaint.plan import Plan
from overpaint.progress import Silent

STATES = {"values": "states", "tail": 2}
WAYS: dict[str, dict[str, Any]] = {
    "copy": {"values": "copy"},
    "pooled": {"values": "pooled"},
    "states, all padding": {**STATES, "tail": None},
    "states": STATES,
    "states, 20 steps": {**STATES, "states_steps": 20},
    "states, 40 steps at half the rate": {**STATES, "states_steps": 40, "states_rate": 0.05},
    "states, identity": {**STATES, "metric": "identity"},
    "states, placed": {**STATES, "student": "placed"},
    "states, contexts": {**STATES, "states_in": "contexts"},
    "states, placed, contexts": {**STATES, "student": "placed", "states_in": "contexts"},
    "noise from copy": {"values": "noise"},
    "noise from copy, 10 steps": {"values": "noise", "steps": 10},
    "noise from states, 10 steps": {"values": "noise", "steps": 10, "warm_start": "states", "tail": 2},
}
HEADINGS = ("way", "s", "templates, end / padding", "free form", "read, templates", "free form", "hold-outs move")
COLUMNS: tuple[Column, ...] = (
    ("P(destination) / C, templates", "P(destination) / C", "templates"),
    ("free form", "P(destination) / C", "free form"),
    ("P(source) left", "P(source) left", "templates"),
    ("hold-outs", "hold-out change", "hold-outs"),
)


def main() -> None:
    parser = arguments(__doc__, "runs/bench/stage_one")
    parser.set_defaults(split="validation", seed=1)
    parser.add_argument("--edits", type=int, default=40)
    parser.add_argument("--sentences", type=int, default=4, help="unseen, for each edit")
    parser.add_argument("--way", action="append", choices=WAYS, metavar="NAME", help=f"of {', '.join(WAYS)}")
    parser.add_argument("--pictures", type=int, default=0, metavar="K")
    options = parser.parse_args()
    found = opened(options, parser)
    ways = {name: WAYS[name] for name in options.way or WAYS}
    asked = Asked.of(found, options.edits, options.sentences)
    print(f"Stage I, {options.edits} edits, {options.split} split, seed {options.seed}\n")
    for line in (HEADINGS, ["---"] * len(HEADINGS)):
        print("| " + " | ".join(line) + " |")
    for name, settings in ways.items():
        print("| " + " | ".join([name, *asked.row(settings)]) + " |", flush=True)
    if options.pictures:
        draw(found, ways, options.edits, options.pictures, options)


@dataclass
class Asked:
    """The edits, and what is asked of the edited text encoder.

    Attributes:
        groups: prompts by group.
        store: keeps the second moments, which are the same for all ways.
    """

    found: Opened
    world: World
    pairs: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, ...], ...]
    store: TransientStore

    @classmethod
    def of(cls, found: Opened, edits: int, sentences: int) -> Asked:
        world = found.world("emcid")
        selection = world.choose(edits)
        prompts = selection.plan().edits[0].prompts
        return cls(found, world, selection.pairs, (prompts, world.sentences[:sentences]), TransientStore())

    def plan(self, settings: dict[str, Any]) -> Plan:
        return replace(self.world, settings={**self.world.settings, **settings}).plan(
            self.world.choose(len(self.pairs)).plan().edits
        )

    def row(self, settings: dict[str, Any]) -> list[str]:
        """The figures of one way."""
        backbone, text = self.found.bench.backbone, self.found.bench.backbone.text
        plan = self.plan(settings)
        config = configure(plan, backbone)
        assert isinstance(config, EmcidConfig)
        concepts, after = concepts_of(backbone, plan, config, store=self.store, progress=Silent())
        _ = backbone.metrics  # once for a model, like the second moments
        started = time.process_time()
        learn(backbone, concepts, config, after, self.store, Silent())
        seconds = (time.process_time() - started) / len(concepts)
        sources, destinations = zip(*self.pairs[:SCORED], strict=True)
        before = [{t: (tails(text, t, sources), tails(text, t, destinations)) for t in group} for group in self.groups]
        reads = [read(self.found, self.pairs[:SCORED], group, after) for group in self.groups]
        held = self.world.holdouts[:SCORED]
        original = tails(text, HELD_IN, held)[:, 0]
        with fit(backbone, plan, store=self.store).applied_to(backbone.pipe):
            shares = [share(text, sources, group) for group in before]
            nearer = [f"{1 - float(left(text, states, asked).mean()):.3f}" for states, asked in reads]
            moved = (tails(text, HELD_IN, held)[:, 0] - original).square().sum(dim=1)
        drift = float(moved.mean() / torch.pdist(original).square().mean())
        return [f"{seconds:.3f}", *shares, *nearer, f"{drift:.3f}"]


def read(
    found: Opened, pairs: Sequence[tuple[str, str]], prompts: tuple[str, ...], after: dict[str, int]
) -> tuple[States, list[str]]:
    """Distances in the denoiser's metric over all positions from the subject on, and the sources' prompts."""
    backbone = found.bench.backbone
    concepts = [Concept(source, destination, prompts, seed=0) for source, destination in pairs]
    joint = Joint(backbone, concepts, after, "window", "mean")
    asked = [template.replace("{}", source) for source, _ in pairs for template in prompts]
    return States(backbone, joint, concepts, "denoiser", None), asked


@torch.no_grad()
def left(text: Any, states: States, prompts: Sequence[str]) -> torch.Tensor:
    """Share (n,) of each concept's distance that is left now."""
    return states.loss({text.name: text.encode_all(prompts)})


def draw(found: Opened, ways: dict[str, dict[str, Any]], edits: int, pictures: int, options: Any) -> None:
    """Grade pictures of some of the edits, and write the table."""
    world = found.world("emcid")
    size = replace(world.size, replacements=(edits,), drawn=pictures)
    specs = []
    for name, settings in ways.items():
        for spec in replacement(replace(world, size=size, settings={**world.settings, **settings})):
            specs.append(replace(spec, name=name, method=name))
    *_, result = judged(found, "Stage I", specs)
    told(f"Stage I, {edits} edits, {pictures} drawn", result, COLUMNS, options)


if __name__ == "__main__":
    main()
