"""What Stage II does to a text tower, measured in text space alone: minutes on one core, no denoiser.

Values are copied (the destination's state after the last edited block at its last token), so the figures speak of the
tower and of the closed-form update. For each width (feed-forward layers widened by new units), number of edits and
lambda:

* destination share 1 - ||edited(source) - destination||^2 / ||source - destination||^2 of the final states, at the end
  token and over two padding tokens behind it, on the three training templates and on unseen free-form prompts, of 100
  edits at most;
* hold-outs: squared distance that the end token moves, relative to the mean squared distance between two concepts: its
  mean, and the share of hold-outs that move by more than a quarter. About n / D where the ridge is weak, for n edits
  and keys that span D directions.

    python benchmarks/text_space.py --model src/overpaint/emoji/model --widths 1024 2048 3072
"""

from __future__ import annotations

import argparse
import copy
import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from overpaint.backbone.text import TextEncoder
from overpaint.backbone.window import fits
from overpaint.emoji.captions import FREE_FORM_TEST, PAPER_TEMPLATES, corpus
from overpaint.emoji.recipe.widen import concept_inputs, narrow, widen
from overpaint.emoji.templates import FREE_FORM_TRAINING
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.linear.ridge import Penalty, penalty
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.keys import average, locate
from overpaint.methods.emcid.moments import key_moments
from overpaint.methods.emcid.spread import aim
from overpaint.methods.emcid.stage_two import stage_two
from overpaint.methods.emcid.tasks import tasks_of
from overpaint.plan import Plan

HOLD_OUTS = 300
SCORED = 100
HELD_IN = PAPER_TEMPLATES[0]
PADDING = 2
FREE_FORM = FREE_FORM_TEST[:4]
SCORED_IN = (*PAPER_TEMPLATES, *FREE_FORM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="diffusers folder with text_encoder and tokenizer")
    parser.add_argument("--edits", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--lambdas", type=float, nargs="+", default=[7000.0])
    parser.add_argument("--widths", type=int, nargs="+", default=[], help="feed-forward widths to try beside its own")
    parser.add_argument("--blocks", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--captions", type=int, default=4000)
    parser.add_argument("--padding", type=float, default=1.0, help="weight of padding in the second moments")
    parser.add_argument("--hide", action="store_true", help="leave captions that name a hold-out out of the moments")
    parser.add_argument("--residual", default="stream", choices=["stream", "mlp"])
    parser.add_argument("--contexts", type=int, default=8, help="sentences beside the templates; 0: mean keys")
    parser.add_argument("--positions", default="last", choices=["last", "subject", "onward"], help="edited tokens")
    parser.add_argument("--steady", type=float, default=10.0, help="weight of what sentences add to keys")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = CLIPTextModel.from_pretrained(options.model / "text_encoder").float().eval()
    tokenizer = CLIPTokenizer.from_pretrained(options.model / "tokenizer")
    print(
        "| width | edits | lambda | templates end / padding | free-form end / padding | drift | moved > 1/4 | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|")
    measure(TextEncoder(model, tokenizer), options)
    slim = narrow(model)
    seen = concept_inputs(TextEncoder(slim, tokenizer), Vocabulary.load()) if options.widths else ()
    for width in options.widths:
        measure(TextEncoder(widen(slim, width, seen), tokenizer), options)


def measure(text: TextEncoder, options: argparse.Namespace) -> None:
    """Rows of one tower."""
    vocabulary = Vocabulary.load()
    names = [c.name for c in vocabulary.concepts if fits(text, c.name, *PAPER_TEMPLATES, *FREE_FORM)]
    random.Random(options.seed).shuffle(names)
    held, names = names[:HOLD_OUTS], names[HOLD_OUTS:]
    captions = corpus(vocabulary, options.captions, options.seed)
    if options.hide:
        captions = [c for c in captions if not any(name in c for name in held)]
    started = time.perf_counter()
    moments = key_moments(text, captions, options.blocks, padding=options.padding > 0)
    penalties = {b: penalty(m.mean(options.padding)) for b, m in moments.items()}
    print(
        f"<!-- width {text.key_width}: moments of {len(captions)} captions in {time.perf_counter() - started:.0f} s -->"
    )
    original = tails(text, HELD_IN, held)
    scale = float(torch.pdist(original[:, 0]).square().mean())
    for edits in options.edits:
        sources, spare = names[:edits], names[edits:]
        destinations = [spare[i % len(spare)] for i in range(edits)]
        asked = {t: (tails(text, t, sources[:SCORED]), tails(text, t, destinations[:SCORED])) for t in SCORED_IN}
        for weight in options.lambdas:
            started = time.perf_counter()
            edited = edit(text, sources, destinations, penalties, weight, options)
            seconds = time.perf_counter() - started
            moved = (tails(edited, HELD_IN, held) - original)[:, 0].square().sum(dim=1) / scale
            cells = [share(edited, sources, {t: asked[t] for t in group}) for group in (PAPER_TEMPLATES, FREE_FORM)]
            print(
                f"| {text.key_width} | {edits} | {weight:g} | {cells[0]} | {cells[1]} | {moved.mean():.3f}"
                f" | {(moved > 0.25).float().mean():.1%} | {seconds:.1f} |",
                flush=True,
            )


def edit(
    text: TextEncoder,
    sources: Sequence[str],
    destinations: Sequence[str],
    penalties: dict[int, Penalty],
    weight: float,
    options: argparse.Namespace,
) -> TextEncoder:
    """A copy of the tower with every source replaced by its destination."""
    wanted = locate(text, [(PAPER_TEMPLATES, name) for name in destinations])
    with torch.no_grad():
        states = text.run(text.embed(wanted.ids), 0, max(options.blocks) + 1)
    values = average(wanted.at_last(states), wanted.owner, wanted.concepts)
    every = len(FREE_FORM_TRAINING) // options.contexts if options.contexts else 1
    contexts = FREE_FORM_TRAINING[::every][: options.contexts]
    edits = [{"replace": a, "with": b} for a, b in zip(sources, destinations, strict=True)]
    tasks = tasks_of([text], Plan.parse({"edits": edits}), EmcidConfig(values="copy", contexts=contexts))
    goal = aim(text, tasks, values, max(options.blocks), contexts, options.positions)
    changes = stage_two(
        text,
        goal,
        options.blocks,
        penalties.__getitem__,
        weight,
        residual=options.residual,
        steady=options.steady,
    )
    model = copy.deepcopy(text.model)
    edited = TextEncoder(model, text.tokenizer)
    with torch.no_grad():
        for block, change in changes.items():
            edited.fc2(block).weight += change.matrix.to(text.dtype)
    return edited


def share(edited: TextEncoder, sources: Sequence[str], asked: dict[str, tuple[Tensor, Tensor]]) -> str:
    """Mean destination share at the end token and at the padding, given final states of sources and destinations."""
    left = whole = torch.zeros(1 + PADDING)
    for template, (before, wanted) in asked.items():
        left = left + (tails(edited, template, sources[:SCORED]) - wanted).square().sum(dim=(0, 2))
        whole = whole + (before - wanted).square().sum(dim=(0, 2))
    recovered = 1 - left / whole
    return f"{recovered[0]:.3f} / {recovered[1:].mean():.3f}"


@torch.no_grad()
def tails(text: TextEncoder, template: str, names: Sequence[str], chunk: int = 256) -> Tensor:
    """Final states (n, 3, width) of the end token and the two tokens behind it.

    Prompts are cut behind the longest: attention is causal, nothing later is read.
    """
    found = []
    for first in range(0, len(names), chunk):
        part = [text.locate(template, name) for name in names[first : first + chunk]]
        ends = torch.tensor([p.end for p in part])
        ids = text.tokenize([p.prompt for p in part])[:, : int(ends.max()) + 1 + PADDING]
        final = text.finish(text.run(text.embed(ids), 0, len(text.blocks)))
        at = ends[:, None] + torch.arange(1 + PADDING)
        found.append(final[torch.arange(len(part))[:, None], at.clamp(max=ids.shape[1] - 1)])
    return torch.cat(found)


if __name__ == "__main__":
    main()
