"""What pages say is true: code runs, plans parse, commands exist, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.cli.app import app
from overpaint.plan import Plan
from tests.docs.pages import PAGES, ROOT, blocks, commands
from tests.models import tiny_sd

TEXTS = (*PAGES, ROOT / "CONTRIBUTING.md")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<to>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<title>.*)$", re.MULTILINE)
ids: dict[str, Any] = {"ids": lambda page: str(page.relative_to(ROOT))}


@pytest.fixture(scope="module")
def tiny() -> Any:
    return tiny_sd()


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: Any) -> None:
    """A random model in place of the bundled one, and a folder of its own to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERPAINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("overpaint.load", lambda *_: tiny, raising=False)
    monkeypatch.setattr("overpaint.backbone.loading.load", lambda *_: tiny)
    drawn: Any = StableDiffusion.sample

    def once(self: Any, prompts: Any, seeds: Any, steps: int = 1, *more: Any, **named: Any) -> Any:
        return drawn(self, prompts, seeds, 1, *more, **named)

    monkeypatch.setattr(StableDiffusion, "sample", once)


@pytest.mark.parametrize("page", PAGES, **ids)
def test_plans_are_read(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language in ("yaml", "csv"):
            path = tmp_path / f"plan.{block.language}"
            path.write_text(block.text, encoding="utf-8")
            assert Plan.read(path, check_images=False).edits, block.text


@pytest.mark.parametrize("page", PAGES, **ids)
def test_python_runs_in_the_order_of_the_page(page: Path) -> None:
    known: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        if block.language == "python":
            code = compile(block.text, str(page), "exec")
            if not block.title:
                exec(code, known)


def test_the_method_of_the_page_on_methods_makes_a_patch(tiny: Any) -> None:
    from overpaint.backbone.loading import backbone_of
    from overpaint.methods.store import TransientStore
    from overpaint.progress import Silent

    (block,) = (block for block in blocks(ROOT / "docs/howto/add-a-method.md") if block.language == "python")
    known: dict[str, Any] = {"__name__": "page"}
    exec(compile(block.text, "add-a-method", "exec"), known)
    plan = Plan.parse({"edits": [{"replace": "dog", "with": "cat"}]})
    config = known["ShiftConfig"]()
    patch = known["SHIFT"].fit(backbone_of(tiny), plan, config, store=TransientStore(), progress=Silent())
    assert list(patch.deltas) == ["text_encoder.text_model.encoder.layers.1.mlp.fc2.weight"]
    patch.check(tiny)


@pytest.mark.parametrize("page", PAGES, **ids)
def test_commands_and_their_options_exist(page: Path) -> None:
    for block in blocks(page):
        if block.language == "sh":
            for words in commands(block.text):
                command: Any = typer.main.get_command(app)
                with click.Context(command) as context:
                    rest = words[1:]
                    while hasattr(command, "commands") and not rest[0].startswith("-"):
                        command, rest = command.commands[rest[0]], rest[1:]
                    if "--help" not in rest:
                        command.make_context(words[1], list(rest), parent=context)


def test_short_commands_run() -> None:
    ran = 0
    for page in PAGES:
        for block in blocks(page):
            if block.language == "sh" and not block.title:
                for words in commands(block.text):
                    result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
                    assert result.exit_code == 0, result.output
                    ran += 1
    assert ran >= 3


@pytest.mark.parametrize("page", TEXTS, **ids)
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        to, _, anchor = match["to"].partition("#")
        if to.startswith("https://"):
            continue
        target = page if not to else (page.parent / to).resolve()
        assert target.is_file(), match[0]
        titles = HEADING.findall(target.read_text(encoding="utf-8"))
        assert not anchor or anchor in {re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") for title in titles}, (
            match[0]
        )


def test_the_reference_lists_every_command_and_every_method() -> None:
    from docs.hooks import on_page_markdown

    from overpaint.methods import METHODS

    text = on_page_markdown((ROOT / "docs/reference/cli.md").read_text(encoding="utf-8"))

    def check(command: Any, path: str) -> None:
        assert f"## `{path}`" in text
        for parameter in command.params:
            name = parameter.opts[-1] if parameter.param_type_name == "option" else ""
            assert name in text
        for name, child in getattr(command, "commands", {}).items():
            check(child, f"{path} {name}")

    check(typer.main.get_command(app), "overpaint")
    table = on_page_markdown((ROOT / "docs/methods/index.md").read_text(encoding="utf-8"))
    assert all(f"| `{name}` |" in table for name in METHODS)


def test_the_page_on_defaults_has_every_setting_of_every_method_once_for_a_model() -> None:
    from docs.hooks import on_page_markdown

    from overpaint.methods import METHODS

    page = on_page_markdown((ROOT / "docs/methods/defaults.md").read_text(encoding="utf-8"))
    for name, method in METHODS.items():
        section = page.partition(f"## `{name}`")[2].partition("## `")[0].strip().splitlines()
        rows = [line for line in section[2:] if line.startswith("|")]
        told = [family for row in rows for family in row.split("|")[1].strip().split(", ")]
        assert sorted(told) == sorted(method.families)
        fields = sorted(field.alias or key for key, field in method.config.model_fields.items())
        assert all(sorted(re.findall(r"`([a-z_0-9]+)`", row)) == fields for row in rows), name
        of_plans = [line for line in section if line.startswith("Plans of ")]
        assert len(of_plans) == {"esd": 4, "mace": 1, "ablation": 2}.get(
            name.partition("-")[0], name == "emcid-paper"
        ), name
    assert "Plans of several concepts (emoji): `captions` 1024." in page
    assert re.search(r"Plans of styles alone \(emoji\): .*`styled` 633 of them \(such as .*\), .*`rate` 0\.0003", page)


def test_every_public_name_is_in_the_reference() -> None:
    import overpaint
    import overpaint.errors

    page = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: (\S+)$", page, re.MULTILINE)
    assert "overpaint.errors" in shown
    named = {place.rpartition(".")[2] for place in shown} | set(overpaint.errors.__all__)
    assert [name for name in overpaint.__all__ if name not in named] == []


def test_every_method_is_explained_on_a_page() -> None:
    from overpaint.methods import METHODS

    pages = [page for page in PAGES if page.parent.name == "methods" and page.name != "index.md"]
    explained = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert [name for name in METHODS if f"`{name}`" not in explained] == []


def test_formulas_become_mathml() -> None:
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed (the extra docs)")
    from docs.hooks import on_page_content

    made = on_page_content('<p><span class="arithmatex">\\(a &lt; b\\)</span></p>')
    assert made.startswith("<p><math")
    assert "arithmatex" not in made


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("material", reason="mkdocs-material is not installed (the extra docs)")
    import subprocess
    import sys

    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = "".join(page.read_text() for page in (tmp_path / "site").rglob("*.html"))
    assert "arithmatex" not in pages
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?://', pages)
