"""``overpaint patch push``: a patch or an edited model to the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from overpaint.cli.console import err, plain, say
from overpaint.errors import OverpaintError

__all__ = ["push"]

README = "README.md"
"""What the hub shows a model card from."""


def push(
    what: Annotated[Path, typer.Argument(help="A run's folder, a patch file, or a model that patch apply wrote.")],
    repository: Annotated[str, typer.Argument(help="owner/name on the hub.")],
    card: Annotated[
        Path | None, typer.Option("--card", help="The model card. [the run's, or one of what the patch says]")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Of a repository that is made.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
) -> None:
    """Upload a patch, or an edited model, with its model card to the Hugging Face hub."""
    files = _files(what)
    if card is not None:
        files[README] = card
    if README not in files:
        raise OverpaintError(f"{what}: has no {README}; write one, or name a model card with --card")
    if missing := [str(source) for source in files.values() if isinstance(source, Path) and not source.is_file()]:
        raise OverpaintError(f"{missing[0]}: no such file; check the path")
    for name, source in sorted(files.items()):
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        say(f"{size / 1e6:9.1f} MB  {name}", "dim", err())
    if dry:
        return

    from overpaint.hub import push as send

    with err().status(plain(f"uploading to {repository}")):
        url = send(files, repository, private=private)
    say(url)


def _files(what: Path) -> dict[str, Path | bytes]:
    if (what / "model_index.json").is_file():
        found: dict[str, Path | bytes] = {
            path.relative_to(what).as_posix(): path for path in sorted(what.rglob("*")) if path.is_file()
        }
        return found

    from overpaint.cli.patches import read_patch
    from overpaint.report.patch_card import patch_card
    from overpaint.runs import RunFolder
    from overpaint.runs.record import CARD, PAGE, PATCH

    patch = read_patch(what)
    if not what.is_dir():
        return {PATCH: what, README: patch_card(patch).encode()}
    run = RunFolder.open(what)
    found = {PATCH: run.patch_path, README: patch_card(patch).encode()}
    for name, path in ((README, what / CARD), (PAGE, what / PAGE)):
        if path.is_file():
            found[name] = path
    if run.picture_path.is_file():
        found[run.picture_path.name] = run.picture_path
    return found
