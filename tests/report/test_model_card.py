from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from overpaint.report.build import build
from overpaint.report.evidence import gather
from overpaint.report.model_card import escaped, model_card
from overpaint.report.page import render
from tests.report.worlds import SCRIPT, case, row, suite


def card(folder: Path) -> str:
    evidence = gather([folder])
    return model_card(build(evidence), evidence[0], "report.html", "before_after.png")


def read(text: str) -> Any:
    """What the hub makes of a card's metadata."""
    return ModelCard(text).data


def test_the_hub_reads_the_figures(tmp_path: Path) -> None:
    data = read(card(suite(tmp_path)))
    assert data.library_name == "diffusers"
    found = {result.metric_name: result for result in data.eval_results or []}
    assert set(found) == {
        "hold-out change (hold-outs)",
        "source-to-destination (templates)",
        "source forget (templates)",
    }
    one = found["source-to-destination (templates)"]
    assert one.metric_value == 0.95
    assert one.metric_args == {"low": 0.9, "high": 1.0, "count": 2, "judge": "emoji grader", "verdict": "holds"}
    assert (one.dataset_type, one.dataset_split) == ("overpaint/emoji", "test")


def test_one_edit_alone_has_no_interval_on_card_page_and_hub(tmp_path: Path) -> None:
    rows = (row("source forget", "templates", [1.014], better="higher", unit="ratio"),)
    folder = suite(tmp_path, case(tmp_path, edits=1).model_copy(update={"rows": rows}))
    text, page = card(folder), render(build(gather([folder])))
    assert "| 1.014 | one only: no interval | 1 |" in text
    (one,) = read(text).eval_results
    assert one.metric_args.keys() == {"count", "judge", "verdict"}
    assert "one only: no interval" in page
    assert "1.014 to 1.014" not in page
    assert 'class="err wide"' not in page


def test_a_base_model_is_named_if_it_is_one_of_the_hub(tmp_path: Path) -> None:
    folder = suite(tmp_path, provenance={"model": "CompVis/stable-diffusion-v1-4"})
    assert read(card(folder)).base_model == "CompVis/stable-diffusion-v1-4"
    assert read(card(suite(tmp_path, provenance={"model": "/home/a/model"}))).base_model is None


def test_a_broken_model_is_called_broken_and_its_figures_carry_the_verdict(tmp_path: Path) -> None:
    text = card(suite(tmp_path, case(tmp_path, change=-0.95)))
    assert "## BROKEN" in text
    assert "Do not use it" in text
    assert {result.metric_args["verdict"] for result in read(text).eval_results or []} == {"broken"}


def test_what_was_not_measured_is_in_the_table_and_not_in_the_metadata(tmp_path: Path) -> None:
    text = card(suite(tmp_path))
    assert "| All pictures | FID | unknown |" in text
    assert "Not measured here: edited concepts in free sentences" in text


def test_a_skipped_case_gives_its_reason(tmp_path: Path) -> None:
    left_out = case(tmp_path).model_copy(update={"status": "skipped", "reason": "no *time*", "rows": (), "items": ()})
    text = card(suite(tmp_path, left_out))
    assert "Skipped: no \\*time\\*." in text
    assert "model-index" not in text


def test_names_are_neither_markdown_nor_html(tmp_path: Path) -> None:
    text = card(suite(tmp_path))
    assert SCRIPT not in text
    assert "replace &lt;script&gt;" in text
    assert re.search(r"(?<!\\)\]\(javascript", text) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a | b", r"a \| b"),
        ("<b>", "&lt;b&gt;"),
        ("*x* _y_ `z`", r"\*x\* \_y\_ \`z\`"),
        ("# one\n# two", r"\# one \# two"),
        ("https://a.example @you", "https&#58;//a.example &#64;you"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_escaping(name: str, text: str) -> None:
    assert escaped(name) == text
