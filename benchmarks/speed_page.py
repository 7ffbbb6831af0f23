"""docs/speed.md, of the measurements that a folder holds; what was not measured is said on the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from overpaint.files import replacing, write_text_atomic

__all__ = ["page", "write_page"]

PICTURE = "images/speed.svg"
MEASURES = (("seconds", "seconds, both stages"), ("evaluations", "UNet evaluations"), ("megabytes", "memory, MB"))
Found = dict[str, Any]


def write_page(folder: Path, docs: Path) -> Path:
    """Write the page and its plot of ``costs``, ``stage_two``, ``nothing_lost`` and ``gpu_cost.json`` in a folder."""
    paths = {name: folder / f"{name}.json" for name in PARTS}
    found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()}
    if "costs" in found:
        draw(measured(found["costs"]), docs / PICTURE)
    return write_text_atomic(docs / "speed.md", page(found))


def page(found: Found) -> str:
    """The page in Markdown."""
    parts = [
        "# Speed",
        "This page is written by `python -m benchmarks.speed --page` from what the commands under the headings find."
        " Seconds are those of the clock; ratios are of one run.",
        *(part(*words, found.get(name)) for name, words in PARTS.items()),
    ]
    return "\n\n".join(parts) + "\n"


def part(title: str, command: str, told: Callable[[Found], Iterator[str]], found: Found | None) -> str:
    """A section with the command that measures it."""
    lines = ["Not measured yet."] if found is None else list(told(found))
    return "\n\n".join([f"## {title}", f"`{command}`", *lines])


def costs(found: Found) -> Iterator[str]:
    machine, moments = found["machine"], [f"{row['seconds']:.0f} s (`{row['preset']}`)" for row in found["moments"]]
    yield (
        f"Model `{found['model']}`, {machine['threads']} threads of {machine['cores']} cores ({machine['processor']}),"
        f" torch {machine['torch']}. Second moments belong to the model and are known; they took {', '.join(moments)},"
        " 0 where they were there. An evaluation is one latent through the UNet, a backward pass counts as two. Memory"
        " is the most beyond that of the loaded model."
    )
    yield f"![Seconds, evaluations and memory against the number of concepts]({PICTURE})"
    headings = ("preset", "concepts", "Stage I, s", "Stage II, s", "s per concept", "evaluations", "memory, MB")
    yield table((*headings, "one more, s", "one less, s"), [cost_row(row) for row in found["rows"]])
    ratios = list(cheaper(measured(found)))
    if ratios:
        yield "Times less per concept than `emcid-paper`, where that was not measured than on fewer concepts:"
        yield table(("concepts", "preset", "`emcid-paper` on", "Stage I", "both stages"), ratios)
    for rounds in found.get("rounds", []):
        yield (
            f"{rounds['concepts']} concepts by `{rounds['method']}` in ten rounds and at once: the changes are"
            f" {rounds['apart']:.1e} apart, relative to their size (bar 0.01:"
            f" {'met' if rounds['apart'] <= 0.01 else 'missed'}), {'' if rounds['same hash'] else 'not '}the same hash."
        )


def cost_row(row: Found) -> list[str]:
    if "skipped" in row:
        return [f"`{row['preset']}`", f"{row['concepts']}", f"not measured: {row['skipped']}", *["-"] * 6]
    each = (row["stage one"] + row["stage two"]) / row["concepts"]
    seconds = [f"{row[name]:.2f}" for name in ("stage one", "stage two")]
    rest = [f"{row[name]:.2f}" if name in row else "-" for name in ("one more", "one less")]
    told = (f"{each:.3f}", f"{row['evaluations']:,}", f"{row['megabytes']:.0f}", *rest)
    return [f"`{row['preset']}`", f"{row['concepts']}", *seconds, *told]


def measured(found: Found) -> list[Found]:
    """The rows that were measured, with their seconds."""
    rows = [row for row in found["rows"] if "skipped" not in row]
    return [row | {"seconds": row["stage one"] + row["stage two"]} for row in rows]


def cheaper(rows: Sequence[Found]) -> Iterator[list[str]]:
    """How many times less each preset takes than the published one, whose concepts come one by one."""
    paper = {row["concepts"]: row for row in rows if row["preset"] == "emcid-paper"}
    for row in sorted(rows, key=lambda row: row["concepts"]):
        fewer = [number for number in paper if number <= row["concepts"]]
        if row["preset"] == "emcid-paper" or not fewer:
            continue
        times = row["concepts"] / max(fewer)
        ratios = [times * paper[max(fewer)][name] / row[name] for name in ("stage one", "seconds")]
        yield [f"{row['concepts']}", f"`{row['preset']}`", f"{max(fewer)}", *(f"{ratio:.1f}" for ratio in ratios)]


def stage_two(found: Found) -> Iterator[str]:
    yield (
        f"{found['concepts']:,} concepts, eleven blocks of 768x3072, random weights, {found['threads']} threads, torch"
        f" {found['torch']}. `stream` is the default residual, `mlp` the published one."
    )
    rows = []
    for name, row in found["rows"].items():
        whole = row.get("computed") == row.get("of")
        seconds = f"{row['seconds']:.1f}" + ("" if whole else f" (from {row['computed']} of {row['of']} blocks)")
        apart = f"{row['difference']:.1e}" if "difference" in row else "-"
        rows.append([name, seconds, f"{row.get('faster', 1):.1f}", f"{row['megabytes']:.0f}", apart])
    yield table(("way", "seconds", "times faster", "memory, MB", "distance to the published change"), rows)
    times = found["rows"]["stream, factors computed"]["faster"]
    yield f"Bar, {found['bar']:g} times for the default: {'met' if times >= found['bar'] else 'missed'}."


def nothing_lost(found: Found) -> Iterator[str]:
    equal = [kill["equal"] for kill in found["kills"]]
    yield (
        f"A run of {found['concepts']} concepts on a random model got SIGKILL at {len(equal)} random moments:"
        f" {sum(equal)} of {len(equal)} resumes end with the hash of the unbroken run."
    )
    company = found["company"]
    yield (
        f"{company['processes']} processes shared one bank and {company['killed']} of them was killed:"
        f" {sum(company['equal'])} of {len(company['equal'])} others end with the hash of a single process;"
        f" {company['learned twice or more']} of {company['concepts']} concepts were learned twice."
    )
    disk = found["disk"]
    if isinstance(disk, str):
        yield f"Full disk: {disk}."
    else:
        yield (
            f"On a disk that ran full, {disk['of them untouched afterwards']} of {disk['memories when it was full']}"
            f" memories stayed as they were, and the resumed run ends with"
            f" {'the same' if disk['equal'] else 'ANOTHER'} hash."
        )


def gpu_cost(found: Found) -> Iterator[str]:
    cards = list(found["rows"][0]["seconds"])
    yield (
        "**No measurement.** Operations of Stable Diffusion 1.4's parts are counted in their true shapes, times how"
        " often the settings run them; seconds are operations by the card's published peak (bfloat16 for Stage I,"
        f" float64 for Stage II), of which {found['share']:.0%} is taken to be reached. Transfers and waiting are left"
        " out."
    )
    rows = []
    for row in found["rows"]:
        operations = [short(row[name] / 1e15) for name in ("stage one", "stage two")]
        seconds = [short(row["seconds"][card]) for card in cards]
        rows.append([f"`{row['preset']}`", f"{row['concepts']}", *operations, *seconds])
    headings = ("preset", "concepts", "Stage I, PFLOP", "Stage II, PFLOP")
    yield table((*headings, *(f"{card}, s" for card in cards)), rows)


PARTS: dict[str, tuple[str, str, Callable[[Found], Iterator[str]]]] = {
    "costs": (
        "Cost against the number of concepts",
        "python -m benchmarks.speed --rounds emcid=100 --rounds emcid-copy=1000",
        costs,
    ),
    "stage_two": ("Stage II against the published loop", "python -m benchmarks.stage_two", stage_two),
    "nothing_lost": ("Nothing lost", "python -m benchmarks.nothing_lost", nothing_lost),
    "gpu_cost": ("On a data-centre GPU: an estimate", "python -m benchmarks.gpu_cost", gpu_cost),
}
"""Heading, command and text by the name of the file with the measurements."""


def short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (headings, ["---"] * len(headings), *rows))


def draw(rows: Sequence[Found], path: Path) -> None:
    """The three measures against the number of concepts, a line for each preset; logarithmic, linear near zero."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "overpaint"}):  # the same figures, the same file
        figure = Figure(figsize=(12, 3.6), layout="constrained")
        for axes, (name, title) in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
            for preset in dict.fromkeys(row["preset"] for row in rows):
                points = [(row["concepts"], row[name]) for row in rows if row["preset"] == preset]
                axes.plot(*zip(*points, strict=True), marker="o", label=preset)
            axes.set(xscale="log", yscale="symlog", xlabel="concepts", title=title)
            axes.set_ylim(bottom=-0.3, top=3 * max(row[name] for row in rows) + 1)  # room, and nothing is below nil
            axes.grid(visible=True, alpha=0.3)
        figure.axes[0].legend()
        with replacing(path) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
