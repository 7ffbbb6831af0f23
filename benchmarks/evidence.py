"""Put what a suite found on the page of evidence, where the next build of the site shows it.

    overpaint bench emoji --out runs/emoji
    python benchmarks/evidence.py runs/emoji/result.json

Writes docs/evidence/SUITE.json: every figure with interval, count, seeds and settings, without the items, whose
pictures stay where they are. A result that is not complete is refused.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from overpaint.bench.results import Result
from overpaint.errors import OverpaintError

FOLDER = Path(__file__).parents[1] / "docs" / "evidence"


def kept(result: Result) -> Result:
    """What the page shows of a result. OverpaintError if some of its cases are not there yet."""
    if not result.complete:
        raise OverpaintError(f"{result.suite}: is not complete; give the same bench command again to go on")
    return result.model_copy(update={"cases": tuple(case.model_copy(update={"items": ()}) for case in result.cases)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path, help="a suite's result.json")
    parser.add_argument("--name", help="of the file; by default the suite's")
    options = parser.parse_args()
    try:
        result = kept(Result.read(options.result))
    except OverpaintError as error:
        sys.exit(str(error))
    print(result.write(FOLDER / f"{options.name or result.suite}.json"))


if __name__ == "__main__":
    main()
