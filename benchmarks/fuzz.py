"""Plans, patches, run folders, banks and published edits, spoilt: a clear error or a right result, nothing else.

Every case is a file or a folder in which something was changed: bytes, values of its JSON, numbers, types, shapes and
names of its tensors. It is read as the library and its commands do. Counted: how many were refused with the lines that
a person is told, and how many gave what is right (a plan says the same in every spelling; a patch does to every weight
of a small model what the file's own numbers say, and leaves no bit changed behind). A failure is anything else: another
exception, a line that is none, a warning, ten seconds, a gigabyte. Of failures at one place of the code the smallest
example is kept.

The same seed gives the same cases. Linux; a few minutes.

    python -m benchmarks.fuzz --cases 10000 --seed 0 --out fuzz.json
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import logging
import random
import re
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.fuzz_kind import Files, Kind
from tests.models import tiny_sd

from benchmarks import fuzz_changes, fuzz_folders, fuzz_plans, fuzz_published
from overpaint.cli.errors import explained
from overpaint.errors import out_of_memory
from overpaint.files import write_json_atomic

SECONDS = 10
"""After which a case hangs."""
MEMORY = 2**30
"""Bytes that a case may take beside what the program has."""
LINE = 1000
"""Letters from which a line says nothing to a person."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", help="only kinds whose names begin so")
    parser.add_argument("--out", type=Path, default=Path("fuzz.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        kinds = [kind for kind in all_kinds(options.seed, Path(name)) if kind.name.startswith(options.kind or "")]
        limit_memory(MEMORY)
        counts = fuzzed(kinds, options.cases, options.seed, Path(name), say=lambda text: print(text, flush=True))
    found = {"cases": options.cases, "seed": options.seed, "seconds": round(time.monotonic() - start)}
    write_json_atomic(options.out, {**found, "kinds": {name: count.to_data() for name, count in counts.items()}})
    print(json.dumps(found))
    for name, count in counts.items():
        print(f"{name:28} {count.refused:6} refused {count.right:6} right {count.failed:4} failed")
        for what, failure in count.failures.items():
            print(f"    {failure.count} times {what}")


@dataclass
class Failure:
    """What went wrong at one place of the code, and the smallest files that it did with."""

    count: int
    case: int
    files: Files
    trace: str

    def to_data(self) -> dict[str, Any]:
        files = {name: base64.b64encode(data).decode() for name, data in self.files.items()}
        return {"count": self.count, "case": self.case, "trace": self.trace, "files, base64": files}


@dataclass
class Count:
    """What came of the cases of a kind."""

    refused: int = 0
    right: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return sum(failure.count for failure in self.failures.values())

    def fail(self, case: int, files: Files, error: BaseException) -> None:
        what, trace = place_of(error), "".join(traceback.format_exception(error)[-12:])
        old = self.failures.get(what)
        new = Failure(1 if old is None else old.count + 1, case, files, trace)
        if old is not None and size(old.files) <= size(files):
            new = Failure(new.count, old.case, old.files, old.trace)
        self.failures[what] = new

    def to_data(self) -> dict[str, Any]:
        failures = {what: failure.to_data() for what, failure in self.failures.items()}
        return {"refused": self.refused, "right": self.right, "failed": self.failed, "failures": failures}


def all_kinds(seed: int, folder: Path) -> list[Kind]:
    """Every kind, with a pipeline of a few channels."""
    pipe = tiny_sd(window=20, layers=2, width=16, heads=2)
    patch = fuzz_changes.good_patches(pipe)[0]
    return [
        *fuzz_plans.kinds(seed, folder),
        *fuzz_changes.kinds(pipe, folder),
        *fuzz_folders.kinds(patch, folder),
        *fuzz_published.kinds(pipe, patch, folder),
    ]


def fuzzed(
    kinds: Sequence[Kind], cases: int, seed: int, folder: Path, say: Callable[[str], None] = lambda text: None
) -> dict[str, Count]:
    """What came of so many cases, by kind; each kind has its share of them."""
    counts: dict[str, Count] = {}
    total, done = sum(kind.share for kind in kinds), 0
    for kind in kinds:
        start, count = time.monotonic(), counts.setdefault(kind.name, Count())
        first, done = done, done + kind.share
        for case in range(cases * done // total - cases * first // total):
            files = kind.make(random.Random(f"{seed}/{kind.name}/{case}"))
            with tempfile.TemporaryDirectory(dir=folder) as name:
                write(files, Path(name) / "case")
                try:
                    count_one(count, partial(kind.judge, Path(name) / "case"))
                except (Exception, TookTooLong) as error:
                    count.fail(case, files, error)
                if left := [path.name for path in Path(name).iterdir() if path.name != "case"]:
                    count.fail(case, files, AssertionError(f"it wrote beside its folder: {left}"))
        took = time.monotonic() - start
        say(f"{kind.name}: {count.refused} refused, {count.right} right, {count.failed} failed, {took:.0f} s")
    return counts


def write(files: Files, folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def count_one(count: Count, judge: Callable[[], None]) -> None:
    """Count a case as refused or right; whatever else happens is raised."""
    try:
        with in_time(SECONDS), in_silence():
            judge()
        count.right += 1
    except Exception as error:
        lines = None if out_of_memory(error) or isinstance(error, AssertionError) else explained(error)
        if lines is None:
            raise
        bad = [line for line in lines if len(line) > LINE or not re.fullmatch(".+", line)]
        if bad or not lines:
            raise AssertionError(f"no clear line: {bad[:1]}") from error
        count.refused += 1


class TookTooLong(BaseException):
    """Nothing that catches errors catches this."""


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    late = TookTooLong(f"more than {seconds} s")
    fired = []

    def stop(number: int, frame: Any) -> None:
        fired.append(frame)
        raise late

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if fired:  # within a callback of the collector of garbage, which raises nothing
        raise late


@contextmanager
def in_silence() -> Iterator[None]:
    """Warnings and words on the standard error are failures; what the library logs goes to a run's log."""
    said, logger, kept = io.StringIO(), logging.getLogger("overpaint"), logging.NullHandler()
    logger.addHandler(kept)
    try:
        with warnings.catch_warnings(record=True) as warned, redirect_stderr(said):
            warnings.simplefilter("always")
            yield
    finally:
        logger.removeHandler(kept)
        assert not warned, f"a warning: {warned[0].message}"
        assert not said.getvalue(), f"words on the standard error: {said.getvalue()[:200]}"


def limit_memory(more: int) -> None:
    """Let the program have so many bytes beside what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def place_of(error: BaseException) -> str:
    """Kind of an error, and the last line of the library that it went through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/overpaint/" in frame.filename]
    place = f" at {frames[-1].filename.rpartition('/overpaint/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: {' '.join(str(error).split())[:60]}"


def size(files: Files) -> int:
    return sum(map(len, files.values()))


if __name__ == "__main__":
    main()
