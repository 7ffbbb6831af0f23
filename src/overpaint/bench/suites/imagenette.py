"""Erasure of the ten Imagenette classes, one at a time: ESD's object table (arXiv 2303.07345).

500 pictures of every class from "an image of a [class]", counted by the top-1 class of a classifier (there ResNet-50).
The prompts are UCE's ``imagenette`` table (columns prompt, evaluation_seed and the class) or, without a file, the same
sentence at seeds of our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from overpaint.bench.graders.grader import TOP_1
from overpaint.bench.graders.imagenet import number
from overpaint.bench.metrics.forget import source_forget
from overpaint.bench.metrics.holdout import holdout_change
from overpaint.bench.probes import Probe
from overpaint.bench.results import Figure, Row
from overpaint.bench.scores import mean
from overpaint.bench.sheet import Sheet
from overpaint.bench.suites.protocol import Asked, compared
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.bench.suites.tables import read_csv, whole
from overpaint.errors import OverpaintError
from overpaint.plan import Edit
from overpaint.seeding import derive

__all__ = ["CLASSES", "imagenette_suite", "read_prompts"]

CLASSES: Mapping[str, int] = MappingProxyType(
    {
        "cassette player": 482,
        "chain saw": 491,
        "church": 497,
        "gas pump": 571,
        "tench": 0,
        "garbage truck": 569,
        "English springer": 217,
        "golf ball": 574,
        "parachute": 701,
        "French horn": 566,
    }
)
"""Class numbers in ImageNet by name, in the order of the paper's table."""
PICTURES = 500
AVERAGE = "average"
ERASED, HOLD_OUTS = "erased", "hold-outs"


def read_prompts(asked: Asked) -> list[Probe]:
    """Pictures of all ten classes, in a group each; ``limit`` counts pictures of a class. Raises OverpaintError."""
    if not asked.data.is_file():
        return [
            _probe(name, f"an image of a {name}", derive(asked.seed, "imagenette", name, k) % 2**31, k)
            for name in CLASSES
            for k in range(asked.limit or PICTURES)
        ]
    known = {name.casefold(): name for name in CLASSES}
    taken: dict[str, int] = {}
    found = []
    for line, row in enumerate(read_csv(asked.data, ("prompt", "evaluation_seed")), 2):
        name = known.get(_class(asked.data, line, row).casefold())
        if name is None:
            raise OverpaintError(f"{asked.data}:{line}: {_class(asked.data, line, row)!r} is no class of Imagenette")
        taken[name] = taken.get(name, 0) + 1
        if asked.limit is None or taken[name] <= asked.limit:
            seed = whole(row["evaluation_seed"], f"{asked.data}:{line}")
            found.append(_probe(name, row["prompt"], seed, taken[name]))
    return found


def imagenette_suite(asked: Asked, judges: Judges) -> Suite:
    """A case for every class, and the table's average over all of them, which draws nothing anew.

    A given patch is judged class by class. Raises OverpaintError if the file is not of the documented columns.
    """
    probes = read_prompts(asked)
    specs = [_spec(asked, name, [name], probes) for name in CLASSES]
    specs += [_spec(asked, AVERAGE, CLASSES, probes)] if asked.method else []
    settings = asked.described(classes=list(CLASSES), seeds="the file's" if asked.data.is_file() else "ours")
    return Suite("imagenette", "Imagenette: erasure of objects", specs, judges, settings=settings)


def _spec(asked: Asked, name: str, erased: Iterable[str], probes: list[Probe]) -> Spec:
    """One case of erasures, each by a patch of its own."""
    parts = []
    for one in erased:
        grouped = [
            Probe(ERASED if p.subject == one else HOLD_OUTS, p.unit, p.prompt, p.seed, p.labels, p.subject)
            for p in probes
        ]
        parts.append(Part(asked.plans([Edit(action="erase", source=one)]), tuple(grouped)))
    rows = compared("imagenette", _rows, None, name)
    return Spec(f"{asked.name}/{name}", "erasure", 1, tuple(parts), rows, asked.method)


def _rows(found: Findings) -> Iterator[Row]:
    sheet, judge = found.sheet, found.judges.name
    for group in (ERASED, HOLD_OUTS):
        yield _accuracy(sheet, group, judge)
        forgotten = source_forget(sheet, group, judge)
        yield forgotten.model_copy(
            update={"metric": "accuracy lost", "better": "higher" if group == ERASED else "zero"}
        )
    yield holdout_change(sheet, HOLD_OUTS, judge)


def _accuracy(sheet: Sheet, group: str, judge: str) -> Row:
    figure = Figure.of(mean(sheet.column(group, "after", 0)))
    better = "lower" if group == ERASED else "higher"
    fields = {"metric": "top-1 accuracy", "group": group, "figure": figure, "better": better, "unit": "share"}
    return Row.model_validate({**fields, "judge": judge})


def _probe(name: str, prompt: str, seed: int, count: int) -> Probe:
    label = number(CLASSES[name])
    return Probe("", f"{name} {count}", prompt, seed, (TOP_1 + label, label), name)


def _class(path: Path, line: int, row: Mapping[str, str]) -> str:
    """The class: a column of its own under one of the names in use, else the end of the prompt."""
    for column in ("class", "label_str", "object", "concept"):
        if row.get(column):
            return row[column]
    prompt = row["prompt"].casefold()
    found = [name for name in CLASSES if prompt.rstrip(". ").endswith(name.casefold())]
    if not found:
        raise OverpaintError(f"{path}:{line}: neither a column 'class' nor a prompt that ends in a class of Imagenette")
    return found[0]
