"""``overpaint patch add | scale | remove``: patches from patches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overpaint.cli.console import err, plain, say, table
from overpaint.cli.options import DryRun, Force, Out, finite
from overpaint.cli.patch_options import Run, check_file, keep
from overpaint.errors import OverpaintError, PatchError

if TYPE_CHECKING:
    from overpaint.patch import Patch

__all__ = ["add", "remove", "scale"]

WORTH_SAYING = 0.1
"""Share of common input directions from which two patches are said to interfere."""
MOST = 5


def add(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders or patch files, two or more.")],
    to: Out,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Make one patch of several that were made on the same base, and say how much they interfere."""
    check_file(to, force)
    if len(runs) < 2:
        raise OverpaintError("one patch alone needs no adding; name two or more")

    from overpaint.cli.patches import read_patch

    patches = [read_patch(run) for run in runs]
    total = patches[0]
    for patch in patches[1:]:
        total = total + patch
    keep(total, to, dry_run)
    for number, (run, patch) in enumerate(zip(runs, patches, strict=True)):
        for other, before in zip(runs[:number], patches, strict=False):
            _report(str(other), before, str(run), patch)


def scale(
    run: Run,
    factor: Annotated[float, typer.Argument(callback=finite, help="0 does nothing, 1 is the patch.")],
    to: Out,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Make a patch of another strength."""
    check_file(to, force)

    from overpaint.cli.patches import read_patch

    keep(read_patch(run).scale(factor), to, dry_run)


def remove(
    run: Annotated[Path, typer.Argument(help="A patch that others were added up to.")],
    part: Annotated[Path, typer.Argument(help="The one that is to go: a run's folder or a patch file.")],
    to: Out,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Take a patch out of a sum again; low-rank patches come out to the bit."""
    check_file(to, force)

    from overpaint.cli.patches import read_patch
    from overpaint.patch.removal import without

    try:
        left = without(read_patch(run), read_patch(part))
    except PatchError as error:
        text = str(error)
        raise PatchError(text if text.startswith((str(run), str(part))) else f"{part}: {text}") from None
    keep(left, to, dry_run)


def _report(first: str, a: Patch, second: str, b: Patch) -> None:
    from overpaint.patch.interference import interference

    overlaps = interference(a, b)
    if not overlaps:
        say(f"{first} and {second} change no parameter in common", "dim", err())
        return
    most = overlaps[0].shared
    mean = sum(overlap.shared for overlap in overlaps) / len(overlaps)
    verdict = "interfere" if most >= WORTH_SAYING else "hardly interfere"
    say(
        f"{first} and {second} {verdict}: in {len(overlaps)} common parameters they share {mean:.2f} of their input"
        f" directions in the mean, {most:.2f} at most",
        "yellow" if most >= WORTH_SAYING else "dim",
        err(),
    )
    if most >= WORTH_SAYING:
        shown = table("where most", "parameter", "inputs shared", "agreement")
        for overlap in overlaps[:MOST]:
            shown.add_row(plain(overlap.name), plain(f"{overlap.shared:.2f}"), plain(f"{overlap.agreement:+.2f}"))
        err().print(shown)
