"""Debias all professions of the bundled model at once: shares, profession accuracy and hold-outs against their bars.

    python benchmarks/professions.py
    python benchmarks/professions.py --method emcid --method uce --quick

Factors are found by counting pictures of other seeds than those that the figures are of. A stopped benchmark goes on
with the same command; ``--dry-run`` says what it costs.
"""

from __future__ import annotations

from dataclasses import replace

from emoji_costs import priced
from emoji_methods import arguments, judged, opened, script, told

from overpaint.bench.suites.emoji.meaning import debias
from overpaint.bench.suites.emoji.world import Size

NAME = "professions"
FULL = Size(pictures=16, holdouts=120, holdout_templates=1, neighbours=0)
"""64 pictures of each word: by counting alone they deviate by 0.10."""
COLUMNS = (
    ("|share - wanted| / wanted before", "ratio deviation before", "templates"),
    ("after", "ratio deviation after", "templates"),
    ("by counting alone", "ratio deviation by chance", "templates"),
    ("profession accuracy, change", "profession accuracy, change", "templates"),
    ("hold-outs, relative change", "hold-out change", "hold-outs"),
)


def main() -> None:
    parser = arguments(__doc__, "runs/bench/professions")
    options = parser.parse_args()
    found = opened(options, parser)
    worlds = [found.world(method) for method in options.method or ("emcid", "uce")]
    if not options.quick:
        worlds = [replace(world, size=FULL) for world in worlds]
    specs = [spec for world in worlds for spec in debias(world)]
    if not priced(found, NAME, specs, options):
        *_, result = judged(found, NAME, specs)
        told("All professions to equal shares, by one patch", result, COLUMNS, options)


if __name__ == "__main__":
    script(main)
