"""Options that several commands share."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from overpaint.errors import OverpaintError

__all__ = [
    *("Arithmetic", "Device", "DryRun", "Force", "Guidance", "Model", "Out", "Precision", "Ray", "RunOptions", "Seed"),
    *("Steps", "WorkOptions", "check_picture", "finite", "out_option", "takes", "takes_run_options"),
]

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def finite(parameter: typer.CallbackParam, value: float | None) -> float | None:
    """An option's or argument's number as it was read: its callback.

    Raises:
        OverpaintError: it is infinite or no number, which the command line reads as numbers, too.
    """
    if value is not None and not math.isfinite(value):
        name = parameter.opts[0] if parameter.param_type_name == "option" else str(parameter.name).upper()
        raise OverpaintError(f"{name} {value}: not a finite number; write one, such as 0.5")
    return value


MODELS = "emoji (bundled), a hub id, a diffusers folder or a .safetensors file."
Model = Annotated[str, typer.Option("--model", "-m", help=MODELS)]
Device = Annotated[str | None, typer.Option("--device", help="cuda, mps or cpu; the best there is by default.")]


def _place(given: str | Path) -> Path:
    """A path that is not empty: that would be the current folder, which nobody meant."""
    if not str(given).strip():
        raise OverpaintError("--out is empty; name a folder, or a file where one is written")
    return Path(given)


def out_option(what: str) -> Any:
    """``--out``, with help that says what goes there."""
    return typer.Option("--out", "-o", help=what, parser=_place, metavar="<path>")


Out = Annotated[Path, out_option("Where the result goes.")]
Seed = Annotated[int, typer.Option("--seed", "-s", min=0, max=2**63 - 1, help="What all randomness derives from.")]
Steps = Annotated[int, typer.Option("--steps", min=1, help="Sampling steps of a picture.")]
Guidance = Annotated[
    float | None,
    typer.Option("--guidance", min=0.0, callback=finite, help="Guidance scale; the model's own by default."),
]


class Arithmetic(StrEnum):
    """Of the denoiser, in drawing."""

    float32 = "float32"
    bfloat16 = "bfloat16"


Precision = Annotated[
    Arithmetic | None,
    typer.Option(
        "--precision", help="Of the denoiser's arithmetic; by default the bundled model's is the device's fastest."
    ),
]
Ray = Annotated[
    str | None, typer.Option("--ray", metavar="ADDRESS", help="Work on this Ray cluster; local: one on this machine.")
]
Force = Annotated[bool, typer.Option("--force", help="Put aside what is there already.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check it, say what it would take on this model and device, and stop.")
]


def check_picture(path: Path, more: Sequence[str] = ()) -> None:
    """Refuse a name that is no picture's, nor of a kind that ``more`` names."""
    if path.suffix.lower() not in (*PICTURES, *more):
        ways = ", ".join((".png", ".jpg", *more))
        raise OverpaintError(f"--out {path}: not a picture; name a file that ends in {ways} or .webp")


@dataclass(frozen=True, kw_only=True)
class WorkOptions:
    """How a plan is carried out, whatever it asks for."""

    out: Annotated[Path, out_option("The run's folder: plan, patch, pictures and figures.")]
    captions: Annotated[
        Path | None,
        typer.Option("--captions", help="Text file of captions, one per line, whose meaning other models must keep."),
    ] = None
    device: Device = None
    evaluate: Annotated[
        bool | None,
        typer.Option(
            "--evaluate/--no-evaluate",
            help="Draw before and after. [the bundled model: yes; others: where there is a GPU]",
        ),
    ] = None
    reuse: Annotated[
        list[Path] | None, typer.Option("--reuse", help="A run or bank whose memories may serve; repeat for more.")
    ] = None
    grader: Annotated[
        str | None,
        typer.Option(
            "--grader",
            help="Who looks at pictures while debiasing (or ESD, measure=pictures): clip:MODEL, such as "
            "clip:openai/clip-vit-large-patch14, or a classifier's id. [the bundled model's own]",
        ),
    ] = None
    ray: Ray = None
    force: Force = False
    dry_run: DryRun = False


@dataclass(frozen=True, kw_only=True)
class RunOptions(WorkOptions):
    """The same for all editing commands: how, and in place of the plan's words."""

    bank: Annotated[
        Path | None, typer.Option("--bank", help="A bank that keeps the memories, shared by several runs.")
    ] = None
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help=f"{MODELS} [the plan's or emoji]"),
    ] = None
    method: Annotated[str | None, typer.Option("--method", help="A name that `overpaint methods` lists.")] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the method; repeat for more.")
    ] = None
    other_words: Annotated[
        bool | None,
        typer.Option(
            "--other-words/--no-other-words", help="Find other words that mean what is edited, and edit them. [plan's]"
        ),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option("--seed", "-s", min=0, help="What all randomness derives from. [plan's or 0]"),
    ] = None


def takes(shared: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let typer see, in place of a command's last parameter ``options: shared``, the dataclass's fields by name."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, include_extras=True)
        own = [p.replace(annotation=hints[p.name]) for p in inspect.signature(command).parameters.values()][:-1]
        types = get_type_hints(shared, include_extras=True)
        more = [p.replace(annotation=types[p.name]) for p in inspect.signature(shared).parameters.values()]
        names = {field.name for field in fields(shared)}

        @functools.wraps(command)
        def called(**values: Any) -> None:
            options = shared(**{name: values.pop(name) for name in names & values.keys()})
            command(**values, options=options)

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [p.replace(kind=keyword) for p in (*own, *more)]
        changed: Any = called
        changed.__signature__ = inspect.Signature(parameters, return_annotation=None)
        changed.__annotations__ = {p.name: p.annotation for p in parameters}
        return called

    return decorate


takes_run_options = takes(RunOptions)
"""`takes` of what all editing commands share."""
