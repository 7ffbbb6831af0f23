"""``overpaint report`` and ``overpaint compare``: what a run or a suite found, as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from overpaint.cli.console import err, say
from overpaint.cli.options import DryRun, out_option
from overpaint.errors import OverpaintError

__all__ = ["compare", "report"]

RUN = "A run's folder, a suite's folder or a result.json."


def report(
    run: Annotated[Path, typer.Argument(help=RUN)],
    out_: Annotated[Path | None, out_option("The folder that they go to. [the run's]")] = None,
    dry_run: DryRun = False,
) -> None:
    """Write a run's report card: one HTML page with its pictures in it, and a model card in Markdown."""
    from overpaint.report.write import report_files, write_report

    if _undrawn(run):
        told = "the report's pictures are missing; give the edit's command again with --evaluate to draw them"
        say(f"{run}: {told}", "yellow", err())
    if dry_run:
        _would_write(report_files(run, out_))
        return
    page, card = write_report(run, out_)
    say(f"page        {page}")
    say(f"model card  {card}")


def compare(
    runs: Annotated[list[Path], typer.Argument(help=f"{RUN} Two or more.")],
    out_: Annotated[Path, out_option("The page.")] = Path("comparison.html"),
    dry_run: DryRun = False,
) -> None:
    """Write one page with several runs side by side."""
    if len(runs) < 2:
        raise OverpaintError(f"{runs[0]}: one run alone has none beside it; name two or more, or use overpaint report")

    from overpaint.report.write import comparison, write_comparison

    if dry_run:
        _would_write({out_: comparison(runs)})
        return
    say(write_comparison(runs, out_))


def _undrawn(run: Path) -> bool:
    """Whether this is an edit's run, with its patch, of which no pictures were drawn for the report."""
    from overpaint.report.run_result import RESULT
    from overpaint.runs.record import NAME, PATCH

    return (run / NAME).is_file() and (run / PATCH).is_file() and not (run / RESULT).is_file()


def _would_write(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        say(f"{len(text.encode()) / 1e6:9.1f} MB  {path}", "dim")
