"""ICEB (EMCID, arXiv 2403.13807): arbitrary replacement of ImageNet concepts (AICE) and rectification of their aliases.

Files of the release's ``iceb_data``: ``arbitrary_{train,val}.csv``, ``rectification_{train,val}.csv``,
``imgnet_aug_test.json`` (hold-outs), ``imgnet_prompts_cls.json`` (all names of a class). Scores are P(class) of an
ImageNet classifier (ViT-B/16), means over prompts, then over classes.

Two things differ from the released script, as it cannot be meant so: a hold-out's picture takes the seed of its own
row (there that of the next class, with three pictures from one generator), and seeds are drawn on the CPU. Aliases'
destinations are not drawn. The published hold-outs contain the destinations; a figure without them stands beside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from overpaint.bench.graders.imagenet import number
from overpaint.bench.metrics.forget import source_forget
from overpaint.bench.metrics.holdout import holdout_change, holdout_delta
from overpaint.bench.metrics.reach import source_to_destination
from overpaint.bench.probes import UNKNOWN, Probe
from overpaint.bench.results import Row
from overpaint.bench.sheet import Sheet
from overpaint.bench.suites.protocol import Asked, compared
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.bench.suites.tables import listed, read_csv, read_json, whole
from overpaint.plan import Edit

__all__ = ["EDITS", "Request", "iceb_suite", "read_aliases", "read_holdouts", "read_rectifications", "read_requests"]

EDITS = (10, 50, 100, 150, 200, 250, 300)
RECTIFIED = 140
"""What the released script takes of 143."""
HOLDOUT_PROMPTS = 3
TEMPLATES, FREE_FORM, ALIASES = "templates", "free form", "aliases"
HOLD_OUTS, DESTINATIONS, NAMED = "hold-outs", "destinations", "named"
COLUMNS = ("source", "dest", "prompts", "seeds", "source id", "dest id")


@dataclass(frozen=True)
class Request:
    """One row of the training table joined with its validation row.

    Attributes:
        seeds: of the free-form prompts; the templates take the first of them.
    """

    source: str
    destination: str
    templates: tuple[str, ...]
    sentences: tuple[str, ...]
    seed_train: int
    seeds: tuple[int, ...]
    source_id: int
    destination_id: int

    @property
    def labels(self) -> tuple[str, str]:
        """What pictures of the source are graded for."""
        return number(self.source_id), number(self.destination_id)

    def edit(self, action: str) -> Edit:
        """As an edit; ``replace`` or ``rectify``."""
        return Edit.model_validate(
            {
                "action": action,
                "source": self.source,
                "destination": self.destination,
                "prompts": self.templates,
                "seed": self.seed_train,
            }
        )

    def asked(self, group: str, name: str, labels: tuple[str, ...]) -> Iterator[Probe]:
        """The templates, or for other groups the free-form prompts, with a name in them."""
        prompts = self.templates if group.startswith(TEMPLATES) else self.sentences
        for prompt, seed in zip(prompts, self.seeds, strict=False):
            yield Probe(group, f"{self.source} > {self.destination}", prompt.replace("{}", name), seed, labels, name)


def read_requests(asked: Asked, table: str = "arbitrary") -> list[Request]:
    """The requests of ``<table>_train.csv`` that have a validation row, in the order of the file.

    Raises:
        OverpaintError: a file is missing or not the authors'.
    """
    train, val = (asked.data / f"{table}_{part}.csv" for part in ("train", "val"))
    free = {(row["source"], row["dest"]): row for row in read_csv(val, COLUMNS)}
    found = []
    for line, row in enumerate(read_csv(train, (*COLUMNS, "seed_train")), 2):
        other, where = free.get((row["source"], row["dest"])), f"{train}:{line}"
        if other is None:
            continue
        found.append(
            Request(
                row["source"],
                row["dest"],
                tuple(map(str, listed(row["prompts"], where))),
                tuple(map(str, listed(other["prompts"], where))),
                whole(row["seed_train"], where),
                tuple(whole(seed, where) for seed in listed(other["seeds"], where)),
                whole(row["source id"], where),
                whole(row["dest id"], where),
            )
        )
    return found[: asked.limit]


def read_rectifications(asked: Asked) -> list[Request]:
    """Poor aliases and the best name of their class. Raises OverpaintError as `read_requests`."""
    return read_requests(asked, "rectification")[:RECTIFIED]


def read_holdouts(asked: Asked) -> list[Probe]:
    """366 classes that no request edits, three prompts each. Raises OverpaintError."""
    path = asked.data / "imgnet_aug_test.json"
    taken: dict[int, int] = {}
    found = []
    for place, row in enumerate(read_json(path)):
        where = f"{path}, entry {place}"
        index = whole(row["class id"], where)
        taken[index] = taken.get(index, 0) + 1
        if taken[index] <= HOLDOUT_PROMPTS and (asked.limit is None or len(taken) <= asked.limit):
            seed = whole(row["random seed"], where)
            label = number(index)
            found.append(Probe(HOLD_OUTS, label, row["text prompt"], seed, (label,), row["class name"]))
    return found


def read_aliases(asked: Asked) -> Mapping[int, tuple[str, ...]]:
    """All names of every class. Raises OverpaintError."""
    return {int(index): tuple(names) for index, names in read_json(asked.data / "imgnet_prompts_cls.json").items()}


def iceb_suite(asked: Asked, judges: Judges) -> Suite:
    """AICE at every number of edits, and rectification.

    Raises:
        OverpaintError: a file is missing or not the authors'.
    """
    requests, holdouts, names = read_requests(asked), read_holdouts(asked), read_aliases(asked)
    counts = [count for count in asked.edits or EDITS if count <= len(requests)] or [len(requests)]
    specs = [_arbitrary(asked, requests[:count], names, holdouts) for count in counts]
    specs.append(_rectification(asked, read_rectifications(asked), holdouts))
    return Suite("iceb", "ICEB: ImageNet concepts", specs, judges, settings=asked.described(edits=counts))


def _arbitrary(
    asked: Asked, requests: list[Request], names: Mapping[int, tuple[str, ...]], holdouts: list[Probe]
) -> Spec:
    probes: list[Probe] = []
    for one in requests:
        probes += one.asked(TEMPLATES, one.source, one.labels)
        probes += one.asked(FREE_FORM, one.source, one.labels)
        for alias in names.get(one.source_id, ()):
            if alias != one.source:
                probes += one.asked(ALIASES, alias, one.labels)
        for group in (TEMPLATES, FREE_FORM):
            probes += one.asked(f"{group}: {DESTINATIONS}", one.destination, (one.labels[1],))
    part = Part(asked.plans(one.edit("replace") for one in requests), (*probes, *holdouts))
    rows = compared("iceb", partial(_arbitrary_rows, {one.labels[1] for one in requests}), len(requests))
    name = f"{asked.name}/replacement/{len(requests)}"
    return Spec(name, "replacement", len(requests), (part,), rows, asked.method)


def _arbitrary_rows(destinations: Collection[str], found: Findings) -> Iterator[Row]:
    sheet, judge = found.sheet, found.judges.name
    for group in (TEMPLATES, FREE_FORM):
        yield source_forget(sheet, group, judge)
        yield source_to_destination(sheet, group, judge)
        forgotten = source_forget(sheet, f"{group}: {DESTINATIONS}", judge)
        yield forgotten.model_copy(update={"metric": "destination forget", "better": "zero"})
    yield source_to_destination(sheet, ALIASES, judge, "alias-to-destination")
    yield source_forget(sheet, ALIASES, judge)
    yield holdout_delta(sheet, HOLD_OUTS, judge)
    yield holdout_change(sheet, HOLD_OUTS, judge)
    others = Sheet(tuple(pair for pair in sheet.group(HOLD_OUTS) if pair.probe.unit not in destinations))
    row = holdout_delta(others, HOLD_OUTS, judge)
    yield row.model_copy(update={"metric": "hold-out delta without destinations"})


def _rectification(asked: Asked, requests: list[Request], holdouts: list[Probe]) -> Spec:
    probes: list[Probe] = []
    for one in requests:
        for group in (TEMPLATES, FREE_FORM):
            probes += one.asked(group, one.source, (UNKNOWN, one.labels[1]))
            probes += one.asked(f"{group}: {NAMED}", one.destination, (one.labels[1],))
    part = Part(asked.plans(one.edit("rectify") for one in requests), (*probes, *holdouts))

    def rows(found: Findings) -> Iterator[Row]:
        for group in (TEMPLATES, FREE_FORM):
            yield source_to_destination(found.sheet, group, found.judges.name)
            kept = holdout_delta(found.sheet, f"{group}: {NAMED}", found.judges.name)
            yield kept.model_copy(update={"metric": "change of the best name"})
        yield holdout_delta(found.sheet, HOLD_OUTS, found.judges.name)
        yield holdout_change(found.sheet, HOLD_OUTS, found.judges.name)

    name = f"{asked.name}/rectification/{len(requests)}"
    return Spec(name, "rectification", len(requests), (part,), rows, asked.method)
