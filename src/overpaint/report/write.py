"""Page and model card as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from overpaint.files import write_text_atomic
from overpaint.report.build import build
from overpaint.report.evidence import gather
from overpaint.report.model_card import model_card
from overpaint.report.page import render
from overpaint.runs.record import CARD, PAGE, PICTURE

__all__ = ["comparison", "report_files", "write_comparison", "write_report"]


def write_report(path: str | Path, folder: str | Path | None = None) -> tuple[Path, Path]:
    """Write the page and the model card of a run or a suite's result.

    Arguments:
        path: a run's folder, a suite's folder, or a result file.
        folder: where they go; beside the result unless given.

    Raises:
        OverpaintError: there is nothing to report on, or it is damaged.
    """
    page, card = (write_text_atomic(place, text) for place, text in report_files(path, folder).items())
    return page, card


def report_files(path: str | Path, folder: str | Path | None = None) -> dict[Path, str]:
    """The page and the model card by where `write_report` writes them. Raises as that does."""
    (one,) = gather([path])
    card = build([one])
    beside = one.path.parent if folder is None else Path(folder)
    picture = PICTURE if folder is None and (beside / PICTURE).is_file() else None
    return {beside / PAGE: render(card), beside / CARD: model_card(card, one, PAGE, picture)}


def write_comparison(paths: Sequence[str | Path], to: str | Path) -> Path:
    """Write one page with several results side by side.

    Raises:
        OverpaintError: as `write_report`, or a result is given twice.
    """
    return write_text_atomic(to, comparison(paths))


def comparison(paths: Sequence[str | Path]) -> str:
    """The page of `write_comparison`. Raises as that does."""
    return render(build(gather(paths)))
