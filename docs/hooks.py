"""What mkdocs does beside turning Markdown into pages: lists of commands and methods, figures, and formulas as MathML.

All are made when the site is built, from the commands, the suites' results and the pages themselves, so that none can
be out of date and no script is loaded from elsewhere.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import typer

IMAGES = Path(__file__).parent / "images"
EVIDENCE = Path(__file__).parent / "evidence"
PICTURE = re.compile(r"<!-- picture (?P<name>[\w-]+): (?P<text>.*?) -->")
COMMANDS, METHODS, RESULTS = "<!-- commands -->", "<!-- methods -->", "<!-- results -->"
DEFAULTS = "<!-- defaults -->"
DEPTHS = {"sd2": {"text_encoder": 23}, "sdxl": {"text_encoder": 12, "text_encoder_2": 32}}
"""Blocks of the text encoders that are not a single one of twelve, as that of SD 1.x."""
PLANS: dict[str, list[dict[str, Any]]] = {
    "several concepts": [{"erase": "cat", "to": "fox"}, {"erase": "dog", "to": "fox"}],
    "erasures from another concept alone": [{"erase": "hat", "from": "cowboy"}],
    "styles alone": [{"erase": "flat style", "to": "pixel style", "kind": "style"}],
    "what pictures show alone": [{"rectify": "axolotl", "images": [str(IMAGES / "demo.png")]}],
    "one concept, names to preserve": [{"erase": "cat", "to": "fox"}],
}
"""Plans that some defaults are others for."""
NO_RESULTS = "No result is kept for this version: run the commands above."
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put lists of commands and methods where a page asks for them, figures that `benchmarks/evidence.py` kept, and
    pictures that `benchmarks/screenshots.py` took. A picture that was not taken is left out.
    """
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, "\n".join(commands()))
    if METHODS in markdown:
        markdown = markdown.replace(METHODS, "\n".join(methods()))
    if DEFAULTS in markdown:
        markdown = markdown.replace(DEFAULTS, "\n".join(defaults()))
    if RESULTS in markdown:
        markdown = markdown.replace(RESULTS, "\n".join(results()) or NO_RESULTS)
    return PICTURE.sub(_picture, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Turn formulas into MathML."""
    from latex2mathml.converter import convert

    def mathml(match: re.Match[str]) -> str:
        return convert(html.unescape(match[2]), display="inline" if match[1] == "span" else "block")

    return FORMULA.sub(mathml, content)


def commands() -> Iterator[str]:
    """Every command with its arguments and options, as Markdown."""
    from overpaint.cli.app import app

    yield from _described(typer.main.get_command(app), ["overpaint"])


def methods() -> Iterator[str]:
    """Every method in a row of a table."""
    from overpaint.methods import METHODS as known

    yield "| name | what it does | edits | cost | works on | paper |"
    yield "|---|---|---|---|---|---|"
    for method in known.values():
        cells = (method.summary, method.edits, method.cost, ", ".join(method.families), method.paper)
        yield f"| `{method.name}` | " + " | ".join(map(_cell, cells)) + " |"


def defaults() -> Iterator[str]:
    """Every method's settings on every family by where they come from; families with the same share a row."""
    from overpaint.methods import METHODS as known

    for method in known.values():
        rows: dict[tuple[str, ...], list[str]] = {}
        for family in method.families:
            rows.setdefault(tuple(_by_origin(method, family)), []).append(family)
        yield f"## `{method.name}`"
        yield ""
        yield "| models | published | for another model | measured | ours |"
        yield "|---|---|---|---|---|"
        for cells, families in rows.items():
            yield f"| {', '.join(families)} | " + " | ".join(map(_cell, cells)) + " |"
        yield ""
        yield from _of_plans(method)


def _of_plans(method: Any) -> Iterator[str]:
    """What holds instead in plans of some kinds, where anything does."""
    from overpaint.plan import Plan

    for kind, edits in PLANS.items():
        preserve = ["wolf"] if "preserve" in kind else []
        plan = Plan.parse({"method": method.name, "edits": edits, "preserve": preserve})
        rows: dict[str, list[str]] = {}
        for family in method.families:
            given = method.defaults_of_plan(method.name, stand_in(family), plan)
            told = method.config.model_validate(given).model_dump(by_alias=True, exclude_unset=True)
            rows.setdefault(", ".join(_setting(*one) for one in told.items()), []).append(family)
        for settings, families in rows.items():
            if settings:
                yield f"Plans of {kind} ({', '.join(families)}): {settings}."
                yield ""


def _by_origin(method: Any, family: str) -> Iterator[str]:
    """Names and values of the settings that are published, carried over, measured, and of all others."""
    from overpaint.methods.origins import ORIGINS

    settings = method.config.model_validate(method.defaults(method.name, stand_in(family))).model_dump(by_alias=True)
    origins = method.origins(method.name, family)
    for origin in ORIGINS:
        yield ", ".join(_setting(name, value) for name, value in settings.items() if origins.of(name) == origin)


def _setting(name: str, value: Any) -> str:
    from overpaint.cli.settings import shown

    if name == "precision":
        return f"`{name}`"  # the device's fastest, for the bundled model
    return f"`{name}` {shown(value)}"


def stand_in(family: str) -> Any:
    """What defaults ask of a model."""
    import torch

    from overpaint.emoji.assets import MODEL

    depths = DEPTHS.get(family, {"text_encoder": 12})
    if family == "emoji":
        depths = {"text_encoder": json.loads((MODEL / "text_encoder/config.json").read_text())["num_hidden_layers"]}
    texts = [SimpleNamespace(name=name, depth=depth, blocks=range(depth)) for name, depth in depths.items()]
    device, dtype = torch.device("cpu"), torch.float32
    return SimpleNamespace(family=family, text_encoders=texts, text=texts[0], device=device, dtype=dtype)


def results(folder: Path = EVIDENCE) -> Iterator[str]:
    """Every result that is kept, with all its figures, as its model card says them."""
    from overpaint.report.build import build
    from overpaint.report.evidence import gather
    from overpaint.report.model_card import model_card

    for path in sorted(folder.glob("*.json")):
        (one,) = gather([path])
        _, _, text = model_card(build([one]), one).partition("\n---\n\n")
        yield re.sub(r"^#", "##", text, flags=re.MULTILINE)


def _picture(match: re.Match[str]) -> str:
    path = IMAGES / f"{match['name']}.png"
    return f"![{match['text']}](../images/{path.name}){{ loading=lazy }}" if path.is_file() else ""


def _described(command: Any, path: list[str]) -> Iterator[str]:
    yield f"## `{' '.join(path)}` {{ #{'-'.join(path)} }}"
    yield ""
    yield (command.help or "").replace("\n\n", "\n").strip()
    yield ""
    rows = [row for parameter in command.params if (row := _row(parameter))]
    if rows:
        yield "| | | default |"
        yield "|---|---|---|"
        yield from rows
        yield ""
    for name, child in getattr(command, "commands", {}).items():
        yield from _described(child, [*path, name])


def _row(parameter: Any) -> str:
    said = getattr(parameter, "help", None) or ""
    if parameter.param_type_name == "argument":
        name = f"`{(parameter.metavar or parameter.name or '').upper()}`"
    else:
        name = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.default
    shown = "required" if parameter.required else "" if default in (None, False, ()) or callable(default) else default
    return f"| {name} | {_cell(said)} | {_cell(str(shown))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
