"""Erasure of 1 to 1,000 artists, with 100 others held out (prompts of UCE, arXiv 2308.14761; protocol of EMCID).

Files ``erased-Nartists-*.txt`` (a JSON list of what is erased) and ``.csv`` (prompts of at most 100 of them and of the
hold-outs, with seeds). Every name is erased towards "art". LPIPS to the unedited model's pictures at 64 pixels, higher
is better for what was erased; CLIP score by ViT-L/14.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from overpaint.bench.metrics.clip_score import clip_loss, clip_score
from overpaint.bench.metrics.perceptual import perceptual_change
from overpaint.bench.probes import Probe
from overpaint.bench.results import Better, Row
from overpaint.bench.suites.protocol import Asked, compared
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.bench.suites.tables import read_csv, whole
from overpaint.errors import OverpaintError
from overpaint.plan import Edit

__all__ = ["artists_suite", "read_artists", "read_prompts"]

ERASED, HOLD_OUTS = "erased", "hold-outs"
TYPES = {"erased": ERASED, "holdout": HOLD_OUTS}
ANCHOR = "art"
COLUMNS = ("prompt", "evaluation_seed", "artist", "type")
NAME = re.compile(r"erased-(\d+)artists?-.*\.txt")


def read_artists(path: Path) -> list[str]:
    """The names to erase. Raises OverpaintError if the file is not the authors'."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        return list(dict.fromkeys(" ".join(str(name).split()) for name in names))
    except (OSError, ValueError, TypeError) as error:
        raise OverpaintError(f"{path}: no list of artists ({error}); take the authors' file") from error


def read_prompts(path: Path, limit: int | None = None) -> list[Probe]:
    """Prompts of erased and held-out artists; "preserved" ones are not evaluated. Raises OverpaintError."""
    found: list[Probe] = []
    taken: dict[str, int] = {}
    for line, row in enumerate(read_csv(path, COLUMNS), 2):
        group = TYPES.get(row["type"])
        if group is None or (limit is not None and taken.get(group, 0) >= limit):
            continue
        taken[group] = taken.get(group, 0) + 1
        seed = whole(row["evaluation_seed"], f"{path}:{line}")
        found.append(Probe(group, row["artist"], row["prompt"], seed, (), row["artist"]))
    return found


def artists_suite(asked: Asked, judges: Judges) -> Suite:
    """One case for every number of artists that there are files of (or of those asked for).

    Raises:
        OverpaintError: there are no such files.
    """
    if not asked.data.is_dir():
        raise OverpaintError(f"{asked.data}: no such folder; point --data at the release's artists")
    files = {int(match[1]): path for path in asked.data.iterdir() if (match := NAME.fullmatch(path.name))}
    counts = sorted(files) if not asked.edits else list(asked.edits)
    if missing := [count for count in counts if count not in files]:
        raise OverpaintError(f"{asked.data}: no file erased-{missing[0]}artists-*.txt; there are {sorted(files)}")
    if not counts:
        raise OverpaintError(f"{asked.data}: no files erased-Nartists-*.txt; point --data at the release's artists")
    specs = [_spec(asked, files[count], count) for count in counts]
    return Suite("artists", "artists: erasure of styles", specs, judges, settings=asked.described(edits=counts))


def _spec(asked: Asked, path: Path, count: int) -> Spec:
    edits = [Edit(action="erase", source=name, destination=ANCHOR, kind="style") for name in read_artists(path)]
    part = Part(asked.plans(edits), tuple(read_prompts(path.with_suffix(".csv"), asked.limit)))
    name = f"{asked.name}/artists/{count}"
    return Spec(name, "artists", count, (part,), compared("artists", _rows, count), asked.method)


def _rows(found: Findings) -> Iterator[Row]:
    sheet, pictures, judges = found.sheet, found.pictures, found.judges
    better: dict[str, Better] = {ERASED: "higher", HOLD_OUTS: "lower"}
    for group in (ERASED, HOLD_OUTS):
        if judges.clip is not None:
            yield from clip_score(sheet, group, pictures, judges.clip)
            yield clip_loss(sheet, group, pictures, judges.clip)
        if judges.perceptual is not None:
            row = perceptual_change(sheet, group, pictures, judges.perceptual)
            yield row.model_copy(update={"better": better[group]})
