"""``overpaint patch info | diff | verify``: what a patch is, how two differ, and whether one is what it should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overpaint.cli.console import out, plain, say, table
from overpaint.cli.options import Device
from overpaint.cli.patch_options import Base, Run
from overpaint.errors import PatchError

if TYPE_CHECKING:
    from overpaint.guards import Guard
    from overpaint.patch import Patch

__all__ = ["diff", "info", "verify"]


def info(run: Run) -> None:
    """Say what a patch or a guard does, to what, and what it was made of."""
    from overpaint.cli.patches import read_change

    out().print(_described(read_change(run), run))


def diff(run: Run, other: Run) -> None:
    """Say where two patches differ: in what they change, by how much, and in how they were made."""
    from overpaint.cli.patches import read_patch
    from overpaint.patch.comparison import compare

    a, b = read_patch(run), read_patch(other)
    if a.hash == b.hash:
        say("the same changes of the same parameters")
    shown = table(f"{run} and {other}", "parameter", "norm", "norm", "apart", "cosine")
    for line in compare(a, b):
        cells = (line.first, line.second, line.apart, line.cosine)
        shown.add_row(plain(line.name), *(plain("" if cell is None else f"{cell:.3g}") for cell in cells))
        if not line.same_base:
            say(f"made for different weights: {line.name}", "yellow")
    out().print(shown)
    for key in sorted(set(a.provenance) | set(b.provenance)):
        if a.provenance.get(key) != b.provenance.get(key):
            say(f"{key} differs", "dim")


def verify(
    run: Run,
    model: Base = None,
    edited: Annotated[
        str | None, typer.Option("--edited", help="A copy made with patch apply: is it the base with this patch?")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Check a patch: that its file is whole, fits its base to the bit, and comes off without a trace."""
    from overpaint.cli.models import open_pipeline
    from overpaint.cli.patches import base_model, read_patch
    from overpaint.formats.stored import as_stored
    from overpaint.patch.verification import first_difference, leaves_no_trace

    patch = read_patch(run)
    pipe = open_pipeline(base_model(patch, model, run), device)
    patch.check(pipe)
    say("the file is whole and fits its base")
    if name := leaves_no_trace(patch, pipe):
        raise PatchError(f"{run}: taking it off does not restore {name}")
    say("it comes off without a trace")
    if edited is not None:
        copy = open_pipeline(edited, device)
        as_stored(pipe)
        as_stored(copy)
        if name := first_difference(patch, pipe, copy):
            raise PatchError(f"{edited}: is not the base with this patch: first difference in {name}")
        say(f"{edited} is the base with this patch, to the bit")


def _described(patch: Patch | Guard, path: Path) -> Any:
    from overpaint.errors import PlanError
    from overpaint.patch import Patch
    from overpaint.plan import Plan
    from overpaint.plan.words import asked

    made = table(str(path), "", "")
    made.show_header = False
    made.columns[1].justify = "left"
    said = dict(patch.provenance)
    plan = said.pop("plan", None)
    rows: list[tuple[str, Any]] = [("hash", patch.hash)]
    if isinstance(patch, Patch):
        rows += [("size", f"{patch.size / 1e6:.1f} MB in {len(patch.deltas)} parameters")]
    if isinstance(plan, dict):
        try:
            parsed = Plan.parse(plan, check_images=False)
            rows += [("edits", len(parsed.edits)), *(("", asked(edit)) for edit in parsed.edits[:12])]
        except PlanError:
            rows.append(("plan", "cannot be read by this version"))
    rows += [(name, value) for name, value in said.items() if not isinstance(value, dict | list)]
    for name, value in said.items():
        if isinstance(value, dict):
            rows.append((name, ", ".join(f"{key} {item}" for key, item in value.items())))
    if isinstance(patch, Patch):
        rows += [("sum of", _source(one)) for one in said.get("sum", ())]
        rows += [(name, delta.described) for name, delta in patch.deltas.items()]
    else:
        rows += [(f"guard: {name}", value) for name, value in patch.described.items()]
    for name, value in rows:
        made.add_row(plain(name), plain(value))
    return made


def _source(provenance: dict[str, Any]) -> str:
    said = (provenance.get("method"), provenance.get("published"), provenance.get("concept"))
    return ", ".join(str(one) for one in said if one) or "a patch"
