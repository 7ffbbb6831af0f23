"""What an edit does to prompts that have nothing to do with it: 30,000 captions of COCO.

``coco_30k.csv``: one picture of every prompt at its ``evaluation_seed``. CLIP score (ViT-L/14), LPIPS to the unedited
model's picture at 64 pixels, FID and KID to the unedited model's pictures or, with a folder of them, to real ones. FIDs
of other counts, or against other pictures, are not comparable with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from overpaint.bench.metrics.clip_score import clip_loss, clip_score
from overpaint.bench.metrics.distribution import distribution_change, distribution_distance
from overpaint.bench.metrics.perceptual import perceptual_change
from overpaint.bench.pictures import Opened
from overpaint.bench.probes import Probe
from overpaint.bench.results import Row
from overpaint.bench.suites.protocol import Asked, compared
from overpaint.bench.suites.suite import Findings, Judges, Part, Spec, Suite
from overpaint.bench.suites.tables import read_csv, whole
from overpaint.errors import OverpaintError
from overpaint.plan import Plan

__all__ = ["coco_suite", "read_prompts"]

HOLD_OUTS = "hold-outs"
ENDINGS = (".jpg", ".jpeg", ".png")


def read_prompts(path: Path, limit: int | None = None) -> list[Probe]:
    """The prompts. Raises OverpaintError if the file is not the authors'."""
    return [
        Probe(
            HOLD_OUTS, str(line - 2), row["prompt"], whole(row["evaluation_seed"], f"{path}:{line}"), (), row["prompt"]
        )
        for line, row in enumerate(read_csv(path, ("prompt", "evaluation_seed")), 2)
    ][:limit]


def coco_suite(asked: Asked, judges: Judges, plan: Plan | None = None, real: Path | None = None) -> Suite:
    """One case: a plan carried out, or the given patch. ``real``: folder of the pictures that FID compares with.

    Raises:
        OverpaintError: the file is not the authors', or there are no pictures in the folder.
    """
    files = _pictures(real)
    plans = () if plan is None else (plan,)
    part = Part(plans, tuple(read_prompts(asked.data, asked.limit)))

    def rows(found: Findings) -> Iterator[Row]:
        return _rows(found, files)

    edits = 0 if plan is None else len(plan.edits)
    spec = Spec(f"{asked.name}/coco", "coco", edits, (part,), compared("coco", rows, edits), asked.method)
    settings = asked.described(pictures=len(part.probes), real=len(files))
    return Suite("coco", "COCO: everything else", [spec], judges, settings=settings)


def _rows(found: Findings, real: list[Path]) -> Iterator[Row]:
    sheet, pictures, judges = found.sheet, found.pictures, found.judges
    if judges.clip is not None:
        yield from clip_score(sheet, HOLD_OUTS, pictures, judges.clip)
        yield clip_loss(sheet, HOLD_OUTS, pictures, judges.clip)
    if judges.perceptual is not None:
        yield perceptual_change(sheet, HOLD_OUTS, pictures, judges.perceptual)
    if judges.features is not None:
        for row in distribution_change(sheet, HOLD_OUTS, pictures, judges.features):
            yield row.model_copy(update={"metric": f"{row.metric} to the unedited model"})
    if judges.features is not None and real:
        opened = Opened(real)
        for when in ("before", "after"):
            keys = [str(getattr(pair, f"key_{when}")) for pair in sheet.both(HOLD_OUTS)]
            for row in distribution_distance(HOLD_OUTS, opened, pictures.opened(keys), judges.features):
                yield row.model_copy(update={"metric": f"{row.metric} {when}"})


def _pictures(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS) if folder.is_dir() else []
    if not found:
        raise OverpaintError(f"{folder}: no pictures ({', '.join(ENDINGS)}); point --real at a folder of real ones")
    return found
