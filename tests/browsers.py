"""A real browser without a screen, for tests that look at pages as people do; where there is none they are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
needed = pytest.mark.skipif(BROWSER is None, reason=f"no browser is installed ({', '.join(NAMES)})")

PHONE, DESKTOP = 360, 1280
PATIENCE = 120_000
"""Milliseconds: a busy machine is no defect of the page."""
QUIET: tuple[str, ...] = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking")
QUIET += ("--disable-component-update", "--disable-sync")


@contextmanager
def launched() -> Iterator[Any]:
    """A browser."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=list(QUIET), timeout=PATIENCE)
        yield started
        started.close()


def tab_of(browser: Any, width: int = DESKTOP, scheme: str = "light") -> tuple[Any, list[str]]:
    """An empty tab of its own session, and a list that fills with all that goes wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    tab, said = context.new_page(), []
    for event, text in (("console", lambda m: m.text), ("pageerror", str), ("requestfailed", lambda r: r.url)):
        tab.on(event, lambda what, text=text: said.append(text(what)))

    def dismissed(dialog: Any) -> None:
        said.append(f"dialog {dialog.message}")
        dialog.dismiss()

    tab.on("dialog", dismissed)
    return tab, said
