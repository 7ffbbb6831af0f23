"""Run the commands of a documentation page that take too long for the tests, as a reader would.

    python benchmarks/pages.py docs/tour.md --work /tmp/tour

Blocks that need a GPU or run until they are interrupted are left out and named. The first plan on a page is written to
plan.yaml, as the page tells the reader to. Prints the seconds of every command.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.docs.pages import Block, blocks, commands

LEFT_OUT = ("needs a GPU", "runs until", "after the bank of another machine", "in an environment without")


def runnable(page: Path) -> Iterator[Block]:
    """The shell blocks of a page that can be run here."""
    for block in blocks(page):
        if block.language == "sh":
            if block.title.startswith(LEFT_OUT):
                print(f"left out ({block.title}): {block.text.splitlines()[0]}")
            else:
                yield block


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="an empty folder to work in")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    plan = next((block for block in blocks(options.page) if block.language == "yaml"), None)
    if plan is not None:
        (options.work / "plan.yaml").write_text(plan.text, encoding="utf-8")
    for block in runnable(options.page):
        for words in commands(block.text):
            start = time.monotonic()
            done = subprocess.run([sys.executable, "-m", "overpaint", *words[1:]], cwd=options.work, check=False)
            print(f"{time.monotonic() - start:8.1f} s  {' '.join(words)}")
            if done.returncode:
                sys.exit(done.returncode)


if __name__ == "__main__":
    main()
