"""Run a suite: fit, draw before and after, grade, write the result after every case."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from overpaint.bench.artist import Artist
from overpaint.bench.attacks.carried import Tried
from overpaint.bench.attacks.judged import Siege
from overpaint.bench.drawing import Drawing
from overpaint.bench.fits import Counters, Fits
from overpaint.bench.pictures import Pictures
from overpaint.bench.probes import Probe
from overpaint.bench.results import Case, Result
from overpaint.bench.sheet import Pair, Sheet, grade
from overpaint.bench.suites.suite import Findings, Part, Spec, Suite
from overpaint.bench.verdict import verdict
from overpaint.errors import OverpaintError, PatchError, PlanError
from overpaint.hashing import digest
from overpaint.methods import resolve
from overpaint.plan import Plan
from overpaint.progress import Progress
from overpaint.provenance import versions

__all__ = ["IMAGES", "RESULT", "Bench", "Weigh"]

RESULT, IMAGES, PATCHES, ATTACKS = "result.json", "images", "patches", "attacks"
Weigh = Callable[[Spec, Sequence[Case]], Spec]
"""A case that is to be judged, and those that were, to the case that is judged in its place."""


@dataclass
class Bench:
    """A model on the bench.

    Attributes:
        backbone: the model; it is left as it was.
        model: its name, for the result file.
        out: where ``result.json`` goes, with pictures and patches beside it.
        drawing: steps and guidance.
        given: a patch or guard to judge where a part has no plans of its own.
        captions: for methods that need them on models which bring none.
        counters: for methods that correct what they do to debiased concepts by counting.
    """

    backbone: Any
    model: str
    out: Path
    drawing: Drawing
    given: Any = None
    captions: Sequence[str] | None = None
    progress: Progress | None = None
    pictures: Pictures | None = None
    counters: Counters | None = None

    def run(self, suite: Suite) -> Result:
        """Judge every case that the file does not hold already. The file is written after each.

        Raises:
            OverpaintError: the safety checker is on, or a judge cannot be had.
        """
        *_, last = self.results(suite)
        return last

    def results(self, suite: Suite, weigh: Weigh | None = None) -> Iterator[Result]:
        """The result after every case that is judged, and the whole at last, each as the file then holds it.

        ``weigh`` is asked before a case is judged, with the cases that there are, and may give another in its place.

        Raises:
            OverpaintError: as `run`.
        """
        path = self.out / RESULT
        artist = self.artist()
        fits = Fits(self.out / PATCHES, self.captions, self.progress, self.counters)
        done = {case.name: case for case in self.finished(suite, artist)}
        result = self._empty(suite, artist)
        for spec in suite.specs:
            if spec.name in done:
                continue
            asked = spec if weigh is None else weigh(spec, tuple(done.values()))
            done[spec.name] = self._judge(asked, suite, artist, fits)
            yield self._written(result, suite, done, path)
        yield self._written(result, suite, done, path)

    def _written(self, result: Result, suite: Suite, done: Mapping[str, Case], path: Path) -> Result:
        """The result with what is done, in the suite's order."""
        cases = tuple(done[spec.name] for spec in suite.specs if spec.name in done)
        result = result.model_copy(update={"cases": cases, "complete": len(cases) == len(suite.specs)})
        result.write(path)
        return result

    def artist(self) -> Artist:
        """Whoever draws with the bare model. Raises OverpaintError if the safety checker is on."""
        return Artist.of(self.backbone, self._pictures, self.drawing)

    def finished(self, suite: Suite, artist: Artist) -> list[Case]:
        """The suite's cases that the result file holds, asked the same way, with all their pictures."""
        earlier = {case.name: case for case in _earlier(self.out / RESULT)}
        found = [(spec, earlier[spec.name]) for spec in suite.specs if spec.name in earlier]
        return [
            case
            for spec, case in found
            if case.settings.get("asked") == self._asked(spec, suite, artist) and self._whole(case)
        ]

    def _asked(self, spec: Spec, suite: Suite, artist: Artist) -> str:
        """Fingerprint of all that a case's figures depend on."""
        given = None if self.given is None else self.given.hash
        judges = [judge.model_dump(mode="json") for judge in suite.judges.listed()]
        captions = [] if self.captions is None else [digest(list(self.captions))]
        # defaults may have changed since
        settings = [_resolved(plan, self.backbone) for part in spec.parts for plan in part.plans]
        drawn = artist.fingerprint, asdict(self.drawing)
        return spec.fingerprint(*drawn, judges, given, versions(), settings, *captions)

    def _judge(self, spec: Spec, suite: Suite, artist: Artist, fits: Fits) -> Case:
        """One case; a method that cannot do what is asked gives a skipped one."""
        asked = self._asked(spec, suite, artist)
        seconds: dict[str, float] = {"fit": 0.0, "drawing": 0.0, "grading": 0.0}
        plans = [plan for part in spec.parts for plan in part.plans]
        common: dict[str, Any] = {
            "name": spec.name,
            "task": spec.task,
            "method": spec.method,
            "edits": spec.edits,
            "plan": _said(plans),
        }
        if spec.skip:
            return Case(**common, status="skipped", reason=spec.skip, settings={"asked": asked})
        sheet, hashes = Sheet(()), []
        start = time.monotonic()
        # of all parts together, as batches are filled up; the parts find them drawn
        artist.draw([p for part in spec.parts for p in (*part.probes, *part.before)], self.progress, "drawing before")
        seconds["drawing"] += time.monotonic() - start
        try:
            for part in spec.parts:
                found, applied = self._part(part, suite, artist, fits, seconds)
                sheet += found
                hashes += applied
        except PlanError as error:
            return Case(**common, status="skipped", reason=error.problems[0], settings={"asked": asked})
        except PatchError as error:  # an edit that diverged is a finding about the method
            return Case(**common, status="failed", reason=str(error), settings={"asked": asked})
        start = time.monotonic()
        rows = tuple(spec.rows(Findings(sheet, artist.pictures, suite.judges)))
        seconds["grading"] += time.monotonic() - start
        return Case(
            **common,
            patch="+".join(hashes) or None,
            settings={**spec.settings, "asked": asked},
            verdict=verdict(rows, spec.holdouts),
            rows=rows,
            items=sheet.items(),
            seconds={name: round(value, 2) for name, value in seconds.items()},
        )

    def _part(
        self, part: Part, suite: Suite, artist: Artist, fits: Fits, seconds: dict[str, float]
    ) -> tuple[Sheet, list[str]]:
        grader, asked = suite.judges.grader, (*part.probes, *part.before)
        first = artist.keys(asked)
        siege = Siege.prepared(part.attacks, artist, grader, self.out / ATTACKS, self.progress)
        tried = self._attacked(siege, artist, seconds)
        with self._changed(part, artist, fits, seconds) as changed:
            # with the attacks' prompts, as batches are filled up
            tried_again = self._attacked(siege, changed, seconds, part.probes)
            start = time.monotonic()
            second = changed.draw(part.probes, self.progress, "drawing after")
            seconds["drawing"] += time.monotonic() - start
            hashes = [change.hash for change in changed.changes]
        start = time.monotonic()
        before = grade(artist.pictures, grader, asked, first, self.progress)
        after = grade(artist.pictures, grader, part.probes, second, self.progress)
        seconds["grading"] += time.monotonic() - start
        pairs = [Pair(probe, first[i], second[i], before[i], after[i]) for i, probe in enumerate(part.probes)]
        shift = len(part.probes)
        pairs += [Pair(p, first[shift + i], None, before[shift + i]) for i, p in enumerate(part.before)]
        return Sheet(tuple(pairs)) + siege.sheet(tried, tried_again), hashes

    def _attacked(
        self, siege: Siege, artist: Artist, seconds: dict[str, float], others: Sequence[Probe] = ()
    ) -> list[list[Tried]]:
        """The part's attacks on a model, on the clock of their own."""
        if not siege.assaults:
            return []
        start = time.monotonic()
        tried = siege.carried_out(artist, others)
        seconds["attacks"] = seconds.get("attacks", 0.0) + time.monotonic() - start
        return tried

    @contextmanager
    def _changed(self, part: Part, artist: Artist, fits: Fits, seconds: dict[str, float]) -> Iterator[Artist]:
        """The model as the part wants it."""
        pipe = self.backbone.pipe
        if not part.plans:
            changes = [] if self.given is None else [self.given]
        elif part.together or len(part.plans) == 1:
            fitted = [fits.fit(pipe, plan) for plan in part.plans]
            seconds["fit"] += sum(taken for _, taken in fitted)
            changes = [change for change, _ in fitted]
        else:
            with self._one_on_the_other(part, artist, fits, seconds) as changed:
                yield changed
            return
        with artist.changed(changes) as changed:
            yield changed

    @contextmanager
    def _one_on_the_other(self, part: Part, artist: Artist, fits: Fits, seconds: dict[str, float]) -> Iterator[Artist]:
        with ExitStack() as stack:
            for plan in part.plans:
                change, taken = fits.fit(self.backbone.pipe, plan)
                seconds["fit"] += taken
                artist = stack.enter_context(artist.changed([change]))
            yield artist

    def _empty(self, suite: Suite, artist: Artist) -> Result:
        provenance = {"model": self.model, "model_fingerprint": artist.fingerprint, "versions": versions()}
        return Result(
            suite=suite.name,
            title=suite.title,
            split=suite.split,
            settings={**suite.settings, **asdict(self.drawing)},
            provenance=provenance,
            judges=suite.judges.listed(),
            images=Path(os.path.relpath(self._pictures.folder, self.out)).as_posix(),
        )

    def _whole(self, case: Case) -> bool:
        """Whether all of the case's pictures are still there: the report needs them."""
        keys = {key for item in case.items for key in (item.before, item.after) if key}
        return all(self._pictures.path(key).is_file() for key in keys)

    @property
    def _pictures(self) -> Pictures:
        return self.pictures or Pictures(self.out / IMAGES)


def _resolved(plan: Plan, backbone: Any) -> Any:
    """All settings that the plan is carried out with, or why it is not."""
    try:
        return resolve(plan, backbone)
    except PlanError as error:
        return str(error)


def _said(plans: Sequence[Plan]) -> dict[str, Any] | None:
    """What was asked, in the words of a plan file."""
    if not plans:
        return None
    return plans[0].to_data() if len(plans) == 1 else {"plans": [plan.to_data() for plan in plans]}


def _earlier(path: Path) -> tuple[Case, ...]:
    """The cases of an earlier run of the suite; none if its file is missing, damaged or of another version."""
    try:
        return Result.read(path).cases
    except OverpaintError:
        return ()
