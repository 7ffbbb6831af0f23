"""The model card: Markdown with the evaluation metadata that the hub reads (``model-index``)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from huggingface_hub import EvalResult, ModelCardData

from overpaint.bench.results import Figure
from overpaint.report.card import Card, Column
from overpaint.report.evidence import Evidence
from overpaint.report.page import environment

__all__ = ["escaped", "evaluations", "model_card"]

MOST = 50
"""Edits that are listed; the page has them all."""
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def model_card(card: Card, evidence: Evidence, page: str | None = None, picture: str | None = None) -> str:
    """The card of one result.

    Arguments:
        page, picture: file names of the page and of the before/after picture, as links.
    """
    results = list(evaluations(card, evidence))
    base = str(evidence.result.provenance.get("model", ""))
    data = ModelCardData(
        base_model=base if HUB_ID.fullmatch(base) else None,
        library_name="diffusers",
        pipeline_tag="text-to-image",
        tags=["overpaint", "concept-editing", "stable-diffusion"],
        model_name=card.title if results else None,
        eval_results=results or None,
    )
    made = environment(autoescape=False)
    made.filters["md"] = escaped
    plans = {words: names for block in card.blocks for words, names in block.asked}
    text = made.get_template("model_card.md.j2").render(
        card=card, plans=tuple(plans.items()), page=page, picture=picture, most=MOST
    )
    return f"---\n{data.to_yaml()}\n---\n\n{text}"


def evaluations(card: Card, evidence: Evidence) -> Iterator[EvalResult]:
    """Every figure that was measured and nothing else; interval, count and judge are the metric's arguments."""
    result = evidence.result
    for block in card.blocks:
        for column in block.columns:
            for table in block.tables:
                for line in table.lines:
                    row = line.cells[block.columns.index(column)]
                    if row is None or row.figure.value is None:
                        continue
                    group = f" ({row.group})" if row.group else ""
                    yield EvalResult(
                        task_type="text-to-image",
                        dataset_type=f"overpaint/{result.suite}",
                        dataset_name=f"overpaint bench {result.suite}, {block.title}",
                        dataset_config=column.case.name,
                        dataset_split=result.split or None,
                        metric_type=f"{row.metric}{group}",
                        metric_name=f"{row.metric}{group}",
                        metric_value=row.figure.value,
                        metric_args=_arguments(column, row.figure, row.judge),
                    )


def escaped(value: object) -> str:
    """Text in which Markdown and HTML find nothing, on one line."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")  # or they become links
    return re.sub(r"([\\`*_\[\]{}|~#!$](?!\d+;))", r"\\\1", text)


def _arguments(column: Column, figure: Figure, judge: str) -> dict[str, float | int | str]:
    low, high = figure.score.interval or (None, None)
    known = {"low": low, "high": high, "count": figure.count, "judge": judge or None, "verdict": column.verdict.level}
    return {name: value for name, value in known.items() if value is not None}
