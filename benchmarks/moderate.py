"""Moderate whole categories of the bundled model: are they gone by member and by category word, and what stays?

    python benchmarks/moderate.py
    python benchmarks/moderate.py --method emcid --method esd-u --quick

Every category is moderated by a patch of its own, by methods that cannot do without an anchor to another category. A
stopped benchmark goes on with the same command; ``--dry-run`` says what it costs.
"""

from __future__ import annotations

from emoji_costs import priced
from emoji_methods import arguments, judged, opened, script, sources, told

from overpaint.bench.results import Result
from overpaint.bench.scores import mean
from overpaint.bench.suites.emoji.erasing import moderation

NAME = "moderate"
METHODS = (
    "emcid", "emcid-copy", "gates", "uce", "rece", "speed", "mace-cfr", "ablation", "esd-x", "esd-u", "sld", "negative",
)  # fmt: skip
ANCHORED = frozenset({"emcid-copy", "ablation"})
COLUMNS = (
    ("P(member) left, member named", "P(source) left", "members"),
    ("P(any member) left, category named", "P(source) left", "category word"),
    ("neighbours, relative change", "neighbour damage", "neighbours"),
    ("hold-outs, relative change", "hold-out change", "hold-outs"),
)


def main() -> None:
    parser = arguments(__doc__, "runs/bench/moderate")
    options = parser.parse_args()
    found = opened(options, parser)
    methods = options.method or METHODS
    specs = [spec for method in methods for spec in moderation(found.world(method), method in ANCHORED)]
    if not priced(found, NAME, specs, options):
        *_, result = judged(found, NAME, specs)
        told("Whole categories, each by a patch of its own", result, COLUMNS, options, [unedited(result)])


def unedited(result: Result) -> list[str]:
    """What is drawn of members before, as a row."""
    case = next(case for case in result.cases if case.status == "measured")
    found = [mean(list(sources(case, group, after=False).values())) for _, _, group in COLUMNS[:2]]
    return ["unedited", *(f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" for score in found), "-", "-", "-"]


if __name__ == "__main__":
    script(main)
