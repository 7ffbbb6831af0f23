"""Debias all professions of the bundled model at once: shares, profession accuracy and hold-outs against their bars.

    python benchmarks/professions.py
    python benchmarks/professions.py --method emcid --method uce --quick

Factors are found by counting pictures of other seeds than those that the figures are of. A stopped benchmark goes on
with the same command.
"""

from __future__ import annotations

from emoji_methods import arguments, judged, opened, told

from overpaint.bench.suites.emoji.meaning import debias

COLUMNS = (
    ("|share - wanted| / wanted before", "ratio deviation before", "templates"),
    ("after", "ratio deviation after", "templates"),
    ("profession accuracy, change", "profession accuracy, change", "templates"),
    ("hold-outs, relative change", "hold-out change", "hold-outs"),
)


def main() -> None:
    parser = arguments(__doc__, "runs/bench/professions")
    options = parser.parse_args()
    found = opened(options, parser)
    methods = options.method or ["emcid", "emcid-copy", "uce"]
    specs = [spec for method in methods for spec in debias(found.world(method))]
    result = judged(found, "professions", specs)
    told("All professions to equal shares, by one patch", result, COLUMNS, options.out)


if __name__ == "__main__":
    main()
