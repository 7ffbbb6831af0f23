"""The figures that the emoji suite's tasks share."""

from __future__ import annotations

from collections.abc import Iterator

from overpaint.bench.edits import bars
from overpaint.bench.metrics.attack import attack_success
from overpaint.bench.metrics.clip_score import clip_score
from overpaint.bench.metrics.distribution import distribution_change
from overpaint.bench.metrics.forget import source_forget, source_left
from overpaint.bench.metrics.holdout import holdout_change, holdout_delta
from overpaint.bench.metrics.kept import background_kept, style_kept
from overpaint.bench.metrics.neighbours import neighbour_damage
from overpaint.bench.metrics.perceptual import perceptual_change
from overpaint.bench.metrics.pixels import pixel_identity
from overpaint.bench.metrics.reach import destination_drawn, destination_share, source_to_destination
from overpaint.bench.results import Row
from overpaint.bench.suites.emoji.asked import ALIASES, FREE_FORM, HOLD_OUTS, KEPT, NEIGHBOURS, TEMPLATES
from overpaint.bench.suites.suite import Findings

__all__ = ["forgotten", "replaced", "unharmed"]


def replaced(found: Findings, edits: int, groups: tuple[str, ...] = (TEMPLATES, FREE_FORM)) -> Iterator[Row]:
    """Destinations reached, sources left, and all of `unharmed`; bars go by the number of edits."""
    sheet, judge = found.sheet, found.judges.name
    limits = dict(zip((TEMPLATES, FREE_FORM), bars(edits)[:2], strict=True))
    for group in groups:
        yield destination_share(sheet, group, judge, limits.get(group))
        yield from destination_drawn(sheet, group, judge)
        yield source_to_destination(sheet, group, judge)
        yield source_forget(sheet, group, judge)
        yield source_left(sheet, group, judge)
    if sheet.group(ALIASES):
        yield source_to_destination(sheet, ALIASES, judge, "alias-to-destination")
        yield source_forget(sheet, ALIASES, judge)
    if sheet.group(KEPT):
        yield style_kept(sheet, KEPT, judge)
        yield background_kept(sheet, KEPT, judge)
    yield from unharmed(found, edits)


def forgotten(found: Findings, groups: tuple[str, ...], edits: int) -> Iterator[Row]:
    """Sources gone, however they are asked for, and all of `unharmed`."""
    sheet, judge = found.sheet, found.judges.name
    for group in groups:
        if sheet.group(group):
            yield source_forget(sheet, group, judge)
            yield source_left(sheet, group, judge)
            yield from attack_success(sheet, group, judge)
    yield from unharmed(found, edits)


def unharmed(found: Findings, edits: int, bar: float | None = None) -> Iterator[Row]:
    """What became of neighbours and hold-outs: the figures that verdicts rest on. ``bar``: in place of the usual."""
    sheet, pictures, judges = found.sheet, found.pictures, found.judges
    if sheet.group(NEIGHBOURS):
        yield neighbour_damage(sheet, NEIGHBOURS, judges.name)
    yield holdout_change(sheet, HOLD_OUTS, judges.name, bars(edits)[2] if bar is None else bar)
    yield holdout_delta(sheet, HOLD_OUTS, judges.name)
    if judges.clip is not None:
        yield from clip_score(sheet, HOLD_OUTS, pictures, judges.clip)
    if judges.perceptual is not None:
        yield perceptual_change(sheet, HOLD_OUTS, pictures, judges.perceptual)
    yield from pixel_identity(sheet, HOLD_OUTS, pictures)
    if judges.features is not None:
        yield from distribution_change(sheet, HOLD_OUTS, pictures, judges.features)
