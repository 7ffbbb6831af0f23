"""The file that a suite leaves behind: every figure with its interval, every item's scores, and where its pictures are.

``result.json`` beside the pictures' folder, UTF-8, written whole or not at all after every case, so that a killed suite
leaves what it had finished (``complete`` is false) and the same command goes on from there:

    Result                what was run: suite, split, settings, provenance, judges, where the pictures are
      cases: Case         one model state that was judged: a method on so many edits, or a given patch
        verdict           "holds", "damaged", "broken", or "unknown" without hold-outs: read it before any other figure
        rows: Row         one figure: metric, group of prompts, mean, interval, count, judge, bar, published figures
        items: Item       one picture before and after at the same prompt and seed: scores, keys of both pictures

Pictures are ``<images>/<first two digits of the key>/<key>.png``. A figure that could not be measured is null with its
count of missing items; a case that could not be measured is there, with the reason. Times are under ``seconds`` alone:
everything else is the same in two runs of one command on one machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from overpaint.bench.scores import Score
from overpaint.errors import OverpaintError
from overpaint.files import write_text_atomic

__all__ = ["FORMAT", "Case", "Figure", "Item", "Judge", "Published", "Result", "Row", "Shift", "Verdict"]

FORMAT = 1
DIGITS = 6

Better = Literal["higher", "lower", "zero", "none"]
Verdict = Literal["holds", "damaged", "broken", "unknown"]


def _rounded(value: Any) -> Any:
    """NaN and infinities are null; digits beyond the sixth are no news."""
    if not isinstance(value, float):
        return value
    return round(value, DIGITS) + 0.0 if math.isfinite(value) else None


Number = Annotated[float | None, BeforeValidator(_rounded)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Data):
    """A mean over ``count`` units with its percentile bootstrap interval at 95 %; null where nothing was measured.

    ``low`` and ``high`` are null too for figures of whole sets (FID) that were not resampled. ``missing`` is how many
    more units could not be measured.
    """

    value: Number
    low: Number = None
    high: Number = None
    count: int = 0
    missing: int = 0

    @classmethod
    def of(cls, score: Score) -> Figure:
        """From a score."""
        return cls(value=score.value, low=score.low, high=score.high, count=score.count, missing=score.missing)

    @property
    def score(self) -> Score:
        """As a score, NaN for null."""
        value, low, high = (math.nan if v is None else v for v in (self.value, self.low, self.high))
        return Score(value, low, high, self.count, self.missing)


class Published(_Data):
    """What a paper reports for the same metric, to stand beside ours.

    Attributes:
        method: as the paper calls it.
        edits: for how many edits; None if the protocol has one number only.
        source: where it was printed.
        reading: "printed" in a table or text; "figure": read off a plot; "secondary": quoted by others.
    """

    method: str
    value: float
    edits: int | None = None
    source: str
    reading: Literal["printed", "figure", "secondary"] = "printed"


class Row(_Data):
    """One figure of a case.

    Attributes:
        metric: what is measured, "source forget".
        group: the prompts that it was measured on, "free form"; empty for all of a case's pictures.
        figure: the mean with interval and count.
        better: which way is good; "zero" for changes that should not happen, "none" for plain description.
        unit: "probability", "relative", "cosine x 100", "LPIPS", "share", "count"...
        judge: name of the `Judge` (grader or feature extractor) that the figure was read with.
        bar: what the project wants to reach, at least ("higher"), at most ("lower") or, for "zero", not below; None
            where there is no bar.
        published: figures of papers for the same metric, protocol and number of edits.
    """

    metric: str
    group: str = ""
    figure: Figure
    better: Better = "none"
    unit: str = "probability"
    judge: str = ""
    bar: float | None = None
    published: tuple[Published, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the figure reaches its bar; None without a bar or a measurement."""
        if self.bar is None or self.figure.value is None:
            return None
        return self.figure.value <= self.bar if self.better == "lower" else self.figure.value >= self.bar


class Shift(_Data):
    """One score of one picture before and after; null where it was not drawn or the judge does not know the label."""

    before: Number = None
    after: Number = None


class Item(_Data):
    """One picture, drawn before and after at the same prompt and seed.

    Attributes:
        group: which question it belongs to: "templates", "free form", "aliases", "neighbours", "hold-outs", ...
        unit: whom it is about: an edit's key ("replace:pizza") or a hold-out's name. Intervals resample units.
        subject: what the prompt names.
        scores: by what was looked for ("P(pizza)", "CLIP score"...).
        before, after: keys of the pictures; null for what was not drawn.
        found: by "before" and "after" the prompt that an attack put in the place of ``prompt``.
    """

    group: str
    unit: str
    subject: str
    prompt: str
    seed: int
    scores: dict[str, Shift] = Field(default_factory=dict)
    before: str | None = None
    after: str | None = None
    found: dict[str, str] = Field(default_factory=dict)


class Judge(_Data):
    """A grader or feature extractor and everything that its figures depend on (weights, versions, thresholds)."""

    name: str
    details: dict[str, Any] = Field(default_factory=dict)


class Case(_Data):
    """One state of the model that was judged.

    Attributes:
        name: unique in the result, "emcid/replacement/100".
        task: "replacement", "rectification", "style erasure", ...: cases of one task and method make one curve.
        method: name in the registry; None for the unedited model or a patch of unknown make.
        edits: how many edits the patch carries, the curves' axis.
        status: "skipped" and "failed" come with a reason and without rows.
        verdict: what the hold-outs say of the model as a whole.
        plan: what was asked, in the words of a plan file.
        patch: hash of the patch.
        settings: of this case alone, the method's settings with defaults filled in.
        seconds: "fit", "drawing", ... on this machine.
    """

    name: str
    task: str
    method: str | None = None
    edits: int = 0
    status: Literal["measured", "skipped", "failed"] = "measured"
    reason: str = ""
    verdict: Verdict = "unknown"
    plan: dict[str, Any] | None = None
    patch: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    items: tuple[Item, ...] = ()

    def row(self, metric: str, group: str = "") -> Row:
        """The row of that metric and group. KeyError if there is none."""
        for row in self.rows:
            if (row.metric, row.group) == (metric, group):
                return row
        raise KeyError(f"{self.name} has no {metric!r} of {group!r}")


class Result(_Data):
    """What a suite found.

    Attributes:
        format: of this file.
        suite: name, as in ``overpaint bench NAME``.
        split: "validation", which methods may be tuned on, "test", or "" where the protocol has one set only.
        complete: whether all cases that were asked for are there.
        settings: everything needed to run it again: seed, steps, guidance, counts, methods.
        provenance: model, its fingerprint, versions of Python and packages.
        images: the pictures' folder, relative to this file's.
    """

    format: int = FORMAT
    suite: str
    title: str
    split: str = ""
    complete: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)
    provenance: dict[str, Any] = Field(default_factory=dict)
    judges: tuple[Judge, ...] = ()
    images: str = "images"
    cases: tuple[Case, ...] = ()

    def case(self, name: str) -> Case:
        """The case of that name. KeyError if there is none."""
        for case in self.cases:
            if case.name == name:
                return case
        raise KeyError(f"no case {name!r} in this result")

    def curve(self, task: str, metric: str, group: str = "") -> dict[str, list[tuple[int, Figure]]]:
        """By method the points (edits, figure) of a metric, in the order of the edits."""
        points: dict[str, list[tuple[int, Figure]]] = {}
        for case, row in self._rows(task):
            if (row.metric, row.group) == (metric, group):
                points.setdefault(case.method or "", []).append((case.edits, row.figure))
        return {method: sorted(found, key=lambda point: point[0]) for method, found in points.items()}

    def image(self, path: str | Path, key: str) -> Path:
        """Where a picture is, for the result that was read from ``path``."""
        return Path(path).parent / self.images / key[:2] / f"{key}.png"

    def write(self, path: str | Path) -> Path:
        """Write it, whole or not at all."""
        return write_text_atomic(path, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Result:
        """Read a file that `write` wrote.

        Raises:
            OverpaintError: it is missing, damaged or of a newer format.
        """
        try:
            result = cls.model_validate_json(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise OverpaintError(f"{path}: no result; run overpaint bench SUITE first") from error
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise OverpaintError(f"{path}: not a result file of this overpaint; run the suite again") from error
        if result.format > FORMAT:
            raise OverpaintError(f"{path}: written by a newer overpaint; update overpaint")
        return result

    def _rows(self, task: str) -> Iterator[tuple[Case, Row]]:
        return ((case, row) for case in self.cases if case.task == task for row in case.rows)
