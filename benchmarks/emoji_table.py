"""The table of all methods: a row for every case, and its place in a page beside the plot."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import relpath
from pathlib import Path

from emoji_kept import FIGURES, fit_seconds
from emoji_methods import cell, markdown, placed

from overpaint.bench.results import Case, Result

__all__ = ["into_page", "table_of"]

HEADINGS = (
    "method", "edits", "model", "P(destination) / C, templates", "free form", "P(source) left", "hold-outs", "s", "MB",
    "precision",
)  # fmt: skip


def table_of(result: Result) -> str:
    """In Markdown, of a result that `emoji_kept.merged` gave."""
    title = f"Methods on the bundled model, {result.split} split; intervals at 95 %."
    return markdown(title, HEADINGS, list(_rows(result)))


def into_page(page: Path, name: str, table: str, picture: Path) -> Path:
    """Put the plot and the folded table between the page's marks of that name."""
    seen = Path(relpath(picture, page.parent)).as_posix()
    shown = f"![Destinations, remaining sources and hold-outs over the number of edits]({seen})"
    folded = f"<details><summary>Figures by method and number of edits</summary>\n\n{table}\n</details>"
    return placed(page, name, f"{shown}\n\n{folded}\n")


def _rows(result: Result) -> Iterator[list[str]]:
    for case in result.cases:
        row = [case.method or "", f"{case.edits} {case.task}{'s' * (case.edits > 1)}"]
        if case.status == "measured":
            row += [case.verdict, *(cell(case, metric, group) for metric, group in FIGURES)]
            size = case.settings.get("MB")
            yield [*row, f"{fit_seconds(case):.1f}", "-" if size is None else f"{size:.2f}", _precision(case)]
        else:
            row.append(f"{case.status}: {_short(case.reason)}")
            yield [*row, *["-"] * (len(HEADINGS) - len(row))]


def _short(reason: str) -> str:
    """What is the matter, without where it was found and how it is mended."""
    return reason.partition("; ")[0].rpartition(": ")[2]


def _precision(case: Case) -> str:
    """That of the pictures, and that of the fit if it is another."""
    drawing = str(case.settings.get("drawing precision", "-"))
    fit = case.settings.get("fit precision", drawing)
    return drawing if fit == drawing else f"{drawing}, fit {fit}"
