"""The ``overpaint`` command."""

from __future__ import annotations

import typer

from overpaint.cli import bank, bench, edit, generate, methods, patch, report, studio, trace
from overpaint.cli.errors import Commands
from overpaint.provenance import versions

__all__ = ["app", "main"]

app = typer.Typer(
    cls=Commands,
    name="overpaint",
    help="Edit what a text-to-image diffusion model knows.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _versions(asked: bool) -> None:
    if asked:
        found = versions()
        own = found.pop("overpaint")
        typer.echo(f"overpaint {own} ({', '.join(f'{name} {number}' for name, number in found.items())})")
        raise typer.Exit


@app.callback()
def common(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error (anywhere on the line)."),
    version: bool = typer.Option(
        False, "--version", callback=_versions, is_eager=True, help="Say the versions that results depend on."
    ),
) -> None:
    """Edit what a text-to-image diffusion model knows: erase, replace, moderate, rectify, debias concepts."""
    # `Commands` has taken --debug already; it is declared for the help


app.command("erase")(edit.erase)
app.command("replace")(edit.replace)
app.command("moderate")(edit.moderate)
app.command("rectify")(edit.rectify)
app.command("edit")(edit.edit)
app.command("generate")(generate.generate)
app.command("trace")(trace.trace)
app.command("methods")(methods.methods)
app.command("report")(report.report)
app.command("compare")(report.compare)
app.command("studio")(studio.studio)
app.add_typer(patch.app, name="patch")
app.add_typer(bank.app, name="bank")
app.add_typer(bench.app, name="bench")


def main() -> None:
    """Entry point of the console script."""
    app()
