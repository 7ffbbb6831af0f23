"""The picture that every run ends with: above what the model drew, below what it draws now, at the same seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from overpaint.backbone.backbone import Backbone
from overpaint.bench.drawing import Drawing
from overpaint.bench.grid import grid
from overpaint.emoji.captions import fill
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.plan import Edit, Plan
from overpaint.progress import Inside, Progress, Silent
from overpaint.seeding import derive

if TYPE_CHECKING:
    from overpaint.guards import Change

__all__ = ["Shown", "before_after", "nearest", "shown"]

EDITS = 6
LEAST_COLUMNS = 4
LARGEST = 256


@dataclass(frozen=True)
class Shown:
    """One column: what it shows, in words, and the prompt and seed that both its pictures are drawn from."""

    label: str
    prompt: str
    seed: int


def shown(
    plan: Plan, backbone: Backbone, vocabulary: Vocabulary | None = None, holdout: str | None = None
) -> list[Shown]:
    """Columns: up to six edits (few edits several times), the nearest neighbour of the first, a hold-out.

    Neighbours are known in the bundled ``vocabulary`` only; elsewhere the first preserved concept takes that place.
    """
    edits = plan.edits[:EDITS]
    times = max(1, LEAST_COLUMNS // len(edits))
    columns = [
        Shown(_asked(edit), _prompt(edit, edit.edited[0]), derive(plan.seed, "shown", edit.key, number))
        for edit in edits
        for number in range(times)
    ]
    beside = nearest(backbone, vocabulary, plan) if vocabulary is not None else next(iter(plan.preserve), None)
    labels = {"nearest" if vocabulary is not None else "preserved": beside, "hold-out": holdout}
    columns += [
        Shown(f"{label}: {name}", _prompt(edits[0], name), derive(plan.seed, "shown", name))
        for label, name in labels.items()
        if name is not None
    ]
    return columns


def nearest(backbone: Backbone, vocabulary: Vocabulary, plan: Plan) -> str | None:
    """The concept nearest to the first source in the text encoder's end state, among those that the plan leaves alone.

    None if there is none. Ask before a patch is applied.
    """
    source = plan.edits[0].source
    taken = {phrase for edit in plan.edits for phrase in edit.phrases}
    names = [concept.name for concept in vocabulary.concepts if taken.isdisjoint((concept.name, *concept.aliases))]
    if not names:
        return None
    text = backbone.text
    states = text.embeddings([_prompt(plan.edits[0], name) for name in (source, *names)], 256).float()
    distances = (states[1:] - states[0]).square().sum(dim=1).tolist()
    return min(zip(distances, names, strict=True))[1]


def before_after(
    backbone: Backbone,
    patch: Change,
    columns: Sequence[Shown],
    drawing: Drawing,
    progress: Progress | None = None,
) -> Image.Image:
    """Draw every column without and with the patch."""
    prompts, seeds = [column.prompt for column in columns], [column.seed for column in columns]
    with (progress or Silent()).task("drawing the picture", total=2 * len(columns), unit="image") as advance:
        inner = Inside(advance)
        before = drawing.images(backbone, prompts, seeds, progress=inner)
        with patch.applied_to(backbone.pipe):
            after = drawing.images(backbone, prompts, seeds, progress=inner)
    cell = min(LARGEST, max(128, *before[0].size))
    return grid([before, after], [column.label for column in columns], ["before", "after"], cell)


def _asked(edit: Edit) -> str:
    """The edit in a few words."""
    if edit.within:
        return f"erase {edit.source} from {edit.within}"
    if edit.action in ("erase", "moderate"):
        return f"{edit.action} {edit.source}" + (f" to {edit.destination}" if edit.destination else "")
    if edit.over is not None:
        return f"{edit.source}: " + ", ".join(f"{share:.0%} {name}" for name, share in edit.over.items())
    return f"{edit.source} → {edit.destination or 'pictures'}"


def _prompt(edit: Edit, name: str) -> str:
    return fill(edit.prompts[0], name)
