from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from overpaint.report.build import build
from overpaint.report.evidence import gather
from overpaint.report.page import render
from tests.report.worlds import MARKUP, SCRIPT, TEMPLATE, case, result, suite


class Read(HTMLParser):
    """What a browser would see: tags with their attributes, ids, and text."""

    VOID = ("meta", "link", "img", "br", "line", "polyline", "circle", "rect")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(*folders: Path) -> Read:
    return Read(render(build(gather(folders))))


@pytest.fixture
def several(tmp_path: Path) -> Path:
    cases = [case(tmp_path, method, edits) for method in ("emcid", "uce") for edits in (2, 10)]
    return suite(tmp_path, *cases)


def test_names_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    page = read(suite(tmp_path))
    assert f"replace {SCRIPT} with {TEMPLATE}" in page.text
    assert MARKUP in page.text
    assert page.all("script") == []
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert any(SCRIPT in (image["alt"] or "") for image in page.all("img"))


def test_everything_is_inside_and_no_script_could_run(several: Path) -> None:
    page = read(several)
    assert page.all("img")
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/png;base64,")
    for link in page.all("a"):
        assert (link["href"] or "").startswith("#")
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert (policy or "").startswith("default-src 'none'")


def test_links_lead_somewhere_and_ids_are_unique(several: Path) -> None:
    page = read(several)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {(link["href"] or "")[1:] for link in page.all("a")} <= set(ids)


def test_a_broken_model_is_called_broken_in_the_largest_words(tmp_path: Path) -> None:
    page = read(suite(tmp_path, case(tmp_path, change=-0.95)))
    boxes = [attributes for _, attributes in page.tags if attributes.get("class") == "verdict broken"]
    assert len(boxes) == 1
    assert "Broken" in page.text
    style = (Path(__file__).parents[2] / "src/overpaint/report/templates/style.css").read_text()
    assert re.search(r"\.verdict\.broken \.word \{[^}]*17cqi", style)
    assert 'class="big good"' not in render(build(gather([tmp_path])))  # no praise for its other scores


def test_of_several_cases_the_broken_ones_come_first(tmp_path: Path) -> None:
    page = read(suite(tmp_path, case(tmp_path), case(tmp_path, "uce", 10, change=-0.95)))
    assert page.text.index("uce (replacement, 10 edits)") < page.text.index("What was asked")


def test_what_is_unknown_skipped_or_not_drawn_is_said(tmp_path: Path) -> None:
    left_out = case(tmp_path, "uce").model_copy(
        update={"status": "skipped", "reason": "uce cannot <rectify>", "rows": (), "items": ()}
    )
    page = read(suite(tmp_path, case(tmp_path), left_out))
    assert "Skipped" in page.text
    assert "uce cannot <rectify>" in page.text
    assert "not drawn" in page.text  # the second edit has no picture after
    assert "unknown" in page.text  # its probability
    assert "not measured" in read(suite(tmp_path, case(tmp_path))).text  # FID


def test_figures_stand_with_interval_count_bar_and_published_ones(tmp_path: Path) -> None:
    whole = case(tmp_path)
    paper = {"method": "EMCID", "value": 0.566, "source": "the paper", "reading": "figure"}
    better = whole.rows[1].model_copy(update={"published": ()}).model_dump() | {"published": [paper]}
    rows = (whole.rows[0], type(whole.rows[1]).model_validate(better), *whole.rows[2:])
    text = read(suite(tmp_path, whole.model_copy(update={"rows": rows}))).text
    assert "0.950" in text
    assert "0.900 to 1.000" in text
    assert "≥ 0.900 met" in text
    assert "published: EMCID 0.566 (the paper, read off a plot)" in text


def test_a_suite_that_measured_nothing_yet_has_a_page(tmp_path: Path) -> None:
    result(complete=False).write(tmp_path / "result.json")
    assert "Nothing was measured" in read(tmp_path).text


def test_the_same_result_gives_the_same_page(several: Path) -> None:
    assert render(build(gather([several]))) == render(build(gather([several])))
