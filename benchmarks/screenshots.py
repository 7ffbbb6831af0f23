"""Use the Studio in a browser as a person would, and keep what is seen for the documentation.

    python benchmarks/screenshots.py --runs runs/screenshots

Starts the Studio on the bundled model, carries out one edit, draws with its patch, opens its report, and writes
docs/images/studio-*.png. Prints the seconds from the start to the pictures before and after. Needs the extras
``studio`` and ``dev`` and a Chromium.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browsers import launched, tab_of

ROOT = Path(__file__).parents[1]
LONGEST = 3_600_000
"""Milliseconds that an edit may take."""


def started(runs: Path) -> tuple[subprocess.Popen[str], str]:
    """The Studio's process and its address."""
    words = [sys.executable, "-u", "-m", "overpaint", "studio", "--runs", str(runs), "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return process, found[0]
    sys.exit("the Studio did not start")


def take(tab: Any, folder: Path, method: str) -> None:
    """The three flows, a picture of each."""
    began = time.monotonic()
    tab.get_by_label("Concepts, one per line").fill("dog -> robot")
    tab.get_by_role("radio", name="replace").check()
    tab.get_by_label("Method").click()
    tab.get_by_role("option", name=method, exact=True).click()
    tab.get_by_role("button", name="Start").click()
    tab.locator("#result img").wait_for(timeout=LONGEST)
    print(f"{time.monotonic() - began:.0f} s from the first word to the pictures")
    tab.screenshot(path=folder / "studio-edit.png", full_page=True)

    tab.get_by_role("tab", name="Try").click()
    tab.get_by_label("Prompts, one per line").fill("a photo of a dog\na photo of a wolf")
    tab.get_by_label("Patches of these runs").click()
    tab.get_by_role("option").first.click()
    tab.keyboard.press("Escape")
    slider = tab.get_by_role("spinbutton", name="Strength of").first
    slider.fill("0.5")
    slider.press("Tab")
    tab.get_by_role("button", name="Draw").click()
    tab.locator("#pictures img").first.wait_for(timeout=LONGEST)
    tab.screenshot(path=folder / "studio-try.png", full_page=True)

    tab.get_by_role("tab", name="Report").click()
    tab.get_by_label("Runs: one to open").click()
    tab.get_by_role("option").first.click()
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Open").click()
    tab.frame_locator("#report iframe").locator("h1").wait_for()
    tab.screenshot(path=folder / "studio-report.png", full_page=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="an empty folder of runs")
    parser.add_argument("--method", default="emcid")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    process, address = started(options.runs)
    try:
        with launched() as browser:
            tab, _ = tab_of(browser)
            tab.goto(address)
            tab.get_by_role("tab", name="Edit").wait_for()
            take(tab, options.out, options.method)
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
