"""What ESD costs with cached trajectories and with the published loop, at the same updates, in one run.

For every concept both ways make the same number of updates with the same settings; what differs is where the rows come
from: a pool that the original model drew once, or for each update a partial trajectory, drawn by the model that is
being trained (the paper) or by the original one (--frozen: the authors' newer scripts).

* UNet evaluations: rows of all forward passes (guidance doubles rows), sampling and teacher and student; backward
  passes are as many as updates x batch in both ways.
* seconds: of the whole fit, by the clock and of all processor cores together (what else the machine does slows the
  first).
* erasure: P(source) over templates and hold-outs by the bundled grader where it knows the model's pictures. Elsewhere,
  and beside it, from predictions: the share of the way to the target that is left (1: untouched, 0: there), and how far
  predictions for hold-outs moved, relative to the difference that their prompt makes.

    python benchmarks/esd_trajectories.py --concepts 5 --set steps=200
    python benchmarks/esd_trajectories.py --model /some/folder --concept dog --holdout cat --set steps=4
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.bench.drawing import Drawing
from overpaint.bench.graders.emoji import ConceptGrader
from overpaint.bench.pairs import choose
from overpaint.bench.probes import Measured, measure, of_holdout, of_source
from overpaint.bench.scores import mean, ratio
from overpaint.cli.console import err
from overpaint.cli.edit import overridden
from overpaint.cli.models import grader_for, open_backbone
from overpaint.emoji.captions import PAPER_TEMPLATES
from overpaint.emoji.scores import SCORES_FILE, known, read_scores
from overpaint.files import write_json_atomic
from overpaint.methods import TransientStore, configure, fit
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Erasure, Texts, erasures_of
from overpaint.methods.esd.trajectories import predictions, record
from overpaint.methods.esd.validation import WayLeft
from overpaint.patch import Patch
from overpaint.plan import Edit, Plan
from overpaint.progress import RichProgress
from overpaint.seeding import derive

WAYS = ("cached", "published")
FIGURES = (
    "evaluations",
    "seconds",
    "processor seconds",
    "way left",
    "hold-outs moved",
    "P(source)",
    "hold-outs P(true)",
)


@dataclass
class Counter:
    """Rows that went through the UNet."""

    rows: int = 0

    @contextmanager
    def on(self, unet: torch.nn.Module) -> Iterator[None]:
        def count(module: torch.nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> None:
            self.rows += len(args[0] if args else kwargs["sample"])

        handle = unet.register_forward_pre_hook(count, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()


class Judge:
    """Looks at one erasure, the same for both ways."""

    def __init__(
        self,
        backbone: StableDiffusion,
        grader: ConceptGrader | None,
        plan: Plan,
        holdouts: Sequence[str],
        steps: int,
    ) -> None:
        config = configure(plan, backbone)
        assert isinstance(config, EsdConfig)
        self.backbone, self.grader, self.drawing = backbone, grader, Drawing(steps)
        self.erasures: list[Erasure] = erasures_of(backbone.text, plan, config)
        prompts = [
            p for e in self.erasures for phrase in e.phrases for c in (False, True) for p in e.prompts(phrase, c)
        ]
        self.way = WayLeft(backbone, Texts(backbone, prompts), self.erasures, config)
        states, empty = backbone.encode(list(holdouts)), backbone.encode([""])
        seeds = [derive(plan.seed, "hold-out", name) for name in holdouts]
        found = record(backbone, states, empty, seeds, config.image_steps, config.guidance)
        self.x, self.t = found.x.flatten(0, 1), found.t.repeat(len(holdouts))
        self.states = states[torch.arange(len(states)).repeat_interleave(len(found.t))]
        self.held, empty_held = found.prompted.flatten(0, 1), found.empty.flatten(0, 1)
        self.difference = float((self.held - empty_held).square().mean())
        edit = plan.edits[0]
        self.probes = of_source("source", edit, edit.prompts, plan.seed, 4)
        self.probes += [p for name in holdouts for p in of_holdout("held", name, PAPER_TEMPLATES[:1], plan.seed)]

    def figures(self, patch: Patch) -> dict[str, float]:
        with patch.applied_to(self.backbone.pipe):
            left = self.way(self.backbone, self.erasures)[0]
            moved = predictions(self.backbone, self.x, self.t, self.states) - self.held
            drawn: Measured = {}
            if self.grader is not None:
                drawn = measure(self.backbone, self.grader, self.probes, self.drawing)
        return {
            "way left": left,
            "hold-outs moved": float(moved.square().mean()) / self.difference,
            "P(source)": average(drawn, "source"),
            "hold-outs P(true)": average(drawn, "held"),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="emoji")
    parser.add_argument("--device")
    parser.add_argument("--method", default="esd-x")
    parser.add_argument("--concept", action="append", help="repeat for more; by default drawn among the known")
    parser.add_argument("--holdout", action="append", help="repeat for more; by default drawn among the known")
    parser.add_argument("--concepts", type=int, default=5)
    parser.add_argument("--holdouts", type=int, default=60)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of both ways")
    parser.add_argument("--frozen", action="store_true", help="let the original model draw in the published loop, too")
    parser.add_argument("--steps", type=int, default=20, help="of a picture that is graded")
    parser.add_argument("--scores", type=Path, default=SCORES_FILE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/bench/esd_trajectories.json"))
    options = parser.parse_args()
    backbone = open_backbone(options.model, options.device)
    grader = grader_for(backbone)
    concepts, holdouts = options.concept, options.holdout
    if not concepts or not holdouts:
        if grader is None:
            parser.error(f"--model {options.model}: name what to erase and hold out (--concept, --holdout)")
        names = known(grader.vocabulary, read_scores(options.scores))
        selection = choose(grader.vocabulary, names, options.concepts, options.holdouts, options.seed)
        concepts = concepts or [source for source, _ in selection.pairs]
        holdouts = holdouts or list(selection.holdouts)

    rows: list[dict[str, Any]] = []
    _ = backbone.fingerprint  # taken once, for neither way's account
    for concept in concepts:
        edit = Edit(action="erase", source=concept)
        plan = Plan(model=options.model, method=options.method, edits=(edit,), seed=options.seed)
        plan = overridden(plan, settings=options.set)
        judge = Judge(backbone, grader, plan, holdouts, options.steps)
        for way in WAYS:
            asked: dict[str, Any] = {"sampling": way}
            if way == "published" and not options.frozen:
                asked["on_policy_every"] = 1
            own = plan.model_copy(update={"settings": {**plan.settings, "checkpoint_every": 0, **asked}})
            counter = Counter()
            start, work = time.perf_counter(), time.process_time()
            with counter.on(backbone.unet):
                patch = fit(backbone, own, store=TransientStore(), progress=RichProgress(err()))
            spent = {"seconds": time.perf_counter() - start, "processor seconds": time.process_time() - work}
            assert isinstance(patch, Patch)
            row = {"concept": concept, "way": way, "evaluations": counter.rows, **spent}
            rows.append(row | judge.figures(patch) | {"training": patch.provenance["training"]})
            settings = patch.provenance["settings"]
            written = [{k: None if v != v else v for k, v in row.items()} for row in rows]  # JSON has no NaN
            write_json_atomic(options.out, {"rows": written, "settings": settings, "model": backbone.fingerprint})
    show(rows, settings, options.seed)


def show(rows: list[dict[str, Any]], settings: dict[str, Any], seed: int) -> None:
    """Means over concepts, and what the published loop costs more."""
    column = {way: {f: [row[f] for row in rows if row["way"] == way] for f in FIGURES} for way in WAYS}
    print(f"<!-- {settings['steps']} updates of {settings['batch']}, {settings['image_steps']} sampling steps -->")
    print(f"| figure, mean over {len(column['cached']['seconds'])} concepts | cached | published |")
    print("|---|---|---|")
    for figure in FIGURES:
        cells = " | ".join(str(mean(column[way][figure], seed)) for way in WAYS)
        print(f"| {figure} | {cells} |")
    for figure, bar in (("evaluations", 6), ("seconds", 4)):
        times = ratio(column["published"][figure], column["cached"][figure], seed)
        print(f"\n{figure}: published / cached {times}, bar {bar}: {'met' if times.value >= bar else 'missed'}")
    apart = [a - b for a, b in zip(column["cached"]["P(source)"], column["published"]["P(source)"], strict=True)]
    print(f"\nP(source), cached less published: {mean(apart, seed)}, bar within 0.03")


def average(measured: Measured, group: str) -> float:
    values = [labels[0] for labels in measured.get(group, {}).values()]
    return sum(values) / len(values) if values else math.nan


if __name__ == "__main__":
    main()
