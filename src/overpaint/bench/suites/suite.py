"""What a suite is: cases to judge, each a model state with the pictures to draw before and after, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from overpaint.bench.attacks.carried import Assault
from overpaint.bench.graders.clip import ClipEncoder
from overpaint.bench.graders.grader import Grader
from overpaint.bench.metrics.distribution import Features
from overpaint.bench.metrics.perceptual import Perceptual
from overpaint.bench.pictures import Pictures
from overpaint.bench.probes import Probe
from overpaint.bench.results import Judge, Row
from overpaint.bench.sheet import Sheet
from overpaint.hashing import loose_digest
from overpaint.plan import Plan

__all__ = ["Findings", "Judges", "Part", "Rows", "Spec", "Suite"]


@dataclass(frozen=True)
class Judges:
    """Who judges; None where a suite does not need one.

    Attributes:
        grader: scores the probes' labels.
        clip: for CLIP scores.
        perceptual: for distances to the unedited model's pictures.
        features: for FID and KID.
    """

    grader: Grader | None = None
    clip: ClipEncoder | None = None
    perceptual: Perceptual | None = None
    features: Features | None = None

    @property
    def name(self) -> str:
        """The grader's."""
        return "" if self.grader is None else self.grader.name

    def listed(self) -> tuple[Judge, ...]:
        """For the result file."""
        found = [] if self.grader is None else [self.grader.judge]
        found += [] if self.clip is None else [Judge(name=self.clip.name, details=self.clip.details)]
        found += [Judge(name=judge.name) for judge in (self.perceptual, self.features) if judge is not None]
        return tuple(found)


@dataclass(frozen=True)
class Findings:
    """A case's graded pictures, and what further figures are read with."""

    sheet: Sheet
    pictures: Pictures
    judges: Judges


Rows = Callable[[Findings], Iterable[Row]]


@dataclass(frozen=True)
class Part:
    """One state of the model and what it is asked for.

    Attributes:
        plans: carried out one on the other, each on the model that the earlier ones changed; or, ``together``, each on
            the bare model and then all applied. Empty: the suite is given a patch.
        probes: drawn before and after.
        before: drawn with the unedited model only (ceilings).
        attacks: carried out before and after, some on a control as well.
    """

    plans: tuple[Plan, ...]
    probes: tuple[Probe, ...]
    before: tuple[Probe, ...] = ()
    together: bool = False
    attacks: tuple[Assault, ...] = ()


@dataclass(frozen=True)
class Spec:
    """A case before it is judged.

    Attributes:
        name: unique in the suite.
        parts: several where single edits are judged each by itself; their pictures are pooled.
        rows: from graded pictures to figures.
        holdouts: groups whose change decides the verdict.
        settings: for the result file.
        skip: why it cannot be judged at all.
    """

    name: str
    task: str
    edits: int
    parts: tuple[Part, ...]
    rows: Rows
    method: str | None = None
    holdouts: tuple[str, ...] = ("hold-outs",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    skip: str = ""

    def fingerprint(self, *more: Any) -> str:
        """Of all that is asked: if it is the same, a finished case is not judged again."""
        parts = [
            [
                [plan.fingerprint() for plan in part.plans],
                [asdict(probe) for probe in (*part.probes, *part.before)],
                part.together,
                *([assault.to_data() for assault in part.attacks],) * bool(part.attacks),
            ]
            for part in self.parts
        ]
        content = [self.name, self.task, self.edits, parts, self.method, self.holdouts, dict(self.settings), more]
        return loose_digest(content)[:16]


@dataclass(frozen=True)
class Suite:
    """A benchmark, ready to run.

    Attributes:
        name: as in ``overpaint bench NAME``.
        specs: its cases.
        judges: who judges all of them.
        settings: seed, counts, files, ... for the result file.
    """

    name: str
    title: str
    specs: Sequence[Spec]
    judges: Judges
    split: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
