"""``overpaint patch``: look at patches, reckon with them, and bring them to other programs and people."""

from __future__ import annotations

import typer

from overpaint.cli import patch_algebra, patch_copy, patch_files, patch_info, patch_sharing

__all__ = ["app"]

app = typer.Typer(
    help="Look at patches, reckon with them, make an edited copy of their model, or files for other programs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("info")(patch_info.info)
app.command("diff")(patch_info.diff)
app.command("verify")(patch_info.verify)
app.command("apply")(patch_copy.apply)
app.command("export")(patch_files.export)
app.command("import")(patch_files.import_)
app.command("add")(patch_algebra.add)
app.command("scale")(patch_algebra.scale)
app.command("remove")(patch_algebra.remove)
app.command("push")(patch_sharing.push)
