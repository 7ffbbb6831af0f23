"""``overpaint methods``: what there is to choose from."""

from __future__ import annotations

from overpaint.cli.console import out, plain, table

__all__ = ["methods"]


def methods() -> None:
    """List the editing methods, and the models that each works on."""
    from overpaint.methods import METHODS

    made = table("methods", "name", "works on", "what it does")
    made.columns[1].justify = made.columns[2].justify = "left"
    for method in METHODS.values():
        made.add_row(plain(method.name), plain(", ".join(method.families)), plain(method.summary))
    out().print(made)
