"""The script that takes the Studio's pictures asks for what is on its pages; no browser is needed to see that."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.studio.worlds import room

pytest.importorskip("gradio", reason="gradio is not installed (the extra studio)")
pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
testclient = pytest.importorskip("fastapi.testclient", reason="fastapi's test client needs httpx")

from overpaint.studio.server import web_app  # noqa: E402


class Tab:
    """A tab on a page on which all that is asked for is there at once; it knows what that was.

    Attributes:
        labels, roles, pieces: fields, (role, name) pairs and ids that were asked for.
    """

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.roles: list[tuple[str, str]] = []
        self.pieces: list[str] = []
        self.first = self.keyboard = self

    def get_by_label(self, label: str) -> Tab:
        self.labels.append(label)
        return self

    def get_by_role(self, role: str, name: str = "", exact: bool = False) -> Tab:
        self.roles.append((role, name))
        return self

    def locator(self, selector: str) -> Tab:
        self.pieces.append(selector.split()[0].removeprefix("#"))
        return self

    frame_locator = locator

    def screenshot(self, path: Path, full_page: bool) -> None:
        path.write_bytes(b"picture")

    def wait_for(self, timeout: int = 0) -> None:
        pass

    def fill(self, text: str) -> None:
        pass

    def press(self, key: str) -> None:
        pass

    def click(self) -> None:
        pass

    check = click


@pytest.fixture
def screenshots(script: Callable[[str], Any]) -> Any:
    return script("screenshots")


@pytest.fixture
def asked(screenshots: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tab:
    tab = Tab()
    screenshots.take(tab, tmp_path, "emcid")
    assert "from the first word to the pictures" in capsys.readouterr().out
    return tab


@pytest.fixture
def components(tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """What the Studio's page is made of."""
    with testclient.TestClient(web_app(room(tmp_path / "runs")), base_url="http://127.0.0.1") as client:
        yield [{**one["props"], "type": one["type"]} for one in client.get("/config").json()["components"]]


def test_a_picture_of_each_flow_is_written_under_the_name_that_the_documentation_shows(
    asked: Tab, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "studio.md").read_text(encoding="utf-8")
    written = {path.stem for path in tmp_path.glob("*.png")}
    assert written == set(re.findall(r"<!-- picture ([\w-]+):", page))


def test_all_that_is_asked_for_is_on_the_page(asked: Tab, components: list[dict[str, Any]]) -> None:
    labels = [str(one.get("label")) for one in components]
    assert asked.labels
    assert all(any(label.startswith(wanted) for label in labels) for wanted in asked.labels)
    there = {
        "button": {one["value"] for one in components if one["type"] == "button"},
        "tab": {one["label"] for one in components if one["type"] == "tabitem"},
        "radio": {choice for one in components if one["type"] == "radio" for choice, _ in one["choices"]},
        "option": {choice for one in components if one["type"] == "dropdown" for choice, _ in one["choices"]},
    }
    for role, names in there.items():
        wanted = {name for asked_role, name in asked.roles if asked_role == role and name}
        assert wanted
        assert wanted <= names
    assert set(asked.pieces) - {"h1"} <= {one.get("elem_id") for one in components}


def test_the_address_is_read_off_what_the_studio_says(
    screenshots: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    popen = screenshots.subprocess.Popen
    commands: list[list[str]] = []

    def spoken(words: list[str], **options: Any) -> Any:
        commands.append(words)
        return popen([sys.executable, "-c", "print('loading'); print('open http://127.0.0.1:7/ here')"], **options)

    monkeypatch.setattr(screenshots.subprocess, "Popen", spoken)
    process, address = screenshots.started(tmp_path)
    assert process.wait(60) == 0
    assert address == "http://127.0.0.1:7/"
    assert commands[0][-5:] == ["studio", "--runs", str(tmp_path), "--port", "0"]
    monkeypatch.setattr(
        screenshots.subprocess, "Popen", lambda _, **options: popen([sys.executable, "-c", ""], **options)
    )
    with pytest.raises(SystemExit, match="did not start"):
        screenshots.started(tmp_path)
