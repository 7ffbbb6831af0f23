"""What a person sees when something is wrong: one line that says what, where and how to mend it."""

from __future__ import annotations

import errno
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from overpaint.cli.console import err, say
from overpaint.errors import OverpaintError, PlanError, out_of_memory

__all__ = ["Commands", "explained"]

DEBUG = "--debug"
STOPPED = 130


def explained(error: BaseException) -> list[str] | None:
    """The lines for an error that a user can mend; None for a defect, which keeps its traceback."""
    if isinstance(error, PlanError):
        return list(error.problems)
    if isinstance(error, OverpaintError):
        return [str(error)]  # one line, whatever names in it look like
    if out_of_memory(error):
        return ["the device has not enough memory; use --device cpu, or a smaller batch (--set batch=1)"]
    if isinstance(error, OSError) and error.filename is not None and not isinstance(error, BrokenPipeError):
        return [f"{error.filename}: {error.strerror or type(error).__name__}; check the path, its rights and the disk"]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return [f"cannot write: {error.strerror}; make room, and give the same command again to go on"]
    if type(error).__name__ == "SafetensorError":  # of other libraries that write or read models
        return [f"{error}; check the file and the room on the disk"]
    return None


class Commands(TyperGroup):
    """The group of all commands: takes ``--debug`` anywhere, and turns errors into a line and exit code 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--debug`` out of the arguments, wherever it stands before ``--``."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[DEBUG] = DEBUG in args[:end]
        return super().parse_args(ctx, [word for word in args[:end] if word != DEBUG] + args[end:])

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("stopped; an edit goes on when the same command is given again", "yellow", err())
            raise typer.Exit(STOPPED) from None
        except Exception as error:
            lines = explained(error)
            if lines is None:
                raise
            if ctx.meta[DEBUG]:
                say_traceback(error)
            for line in lines:
                say(f"error: {line}", "red", err())
            raise typer.Exit(2) from error


def say_traceback(error: BaseException) -> None:
    """Print the traceback as Python does."""
    for line in "".join(traceback.format_exception(error)).splitlines():
        say(line, "dim", err())
