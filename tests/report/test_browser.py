"""The page in a real browser, where there is one: no error, every picture, every width, every name as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overpaint.report import write_comparison, write_report
from tests.browsers import DESKTOP, PHONE, needed, tab_of
from tests.report.worlds import SCRIPT, TEMPLATE, case, colour, suite

pytestmark = needed


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One case, broken."""
    folder = tmp_path_factory.mktemp("one")
    return write_report(suite(folder, case(folder, change=-0.95)))[0]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, so that pictures and tables are wide, at two numbers of edits, so that there are charts."""
    root = tmp_path_factory.mktemp("several")
    cases = {name: [case(root / name, name, edits) for edits in (1, 100)] for name in ("emcid", "uce", "esd-x")}
    return write_comparison([suite(root / name, *found) for name, found in cases.items()], root / "all.html")


def opened(browser: Any, path: Path, width: int = DESKTOP, scheme: str = "light") -> tuple[Any, list[str]]:
    tab, said = tab_of(browser, width, scheme)
    tab.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    tab.goto(path.as_uri())
    return tab, said


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_it_opens_without_a_word_with_all_pictures_and_no_wider_than_the_screen(
    browser: Any, page: Path, comparison: Path, width: int
) -> None:
    for path in (page, comparison):
        tab, said = opened(browser, path, width)
        images = tab.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
        assert images
        assert all(images)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []


def test_names_are_shown_and_not_carried_out(browser: Any, page: Path) -> None:
    tab, said = opened(browser, page)
    text = tab.evaluate("document.body.innerText")
    assert f"replace {SCRIPT} with {TEMPLATE}" in text
    assert "with 49" not in text
    assert tab.evaluate("document.scripts.length") == 0
    assert said == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_emoji_are_shown_at_exactly_twice_their_size_with_hard_pixels(
    browser: Any, page: Path, comparison: Path, width: int
) -> None:
    for path in (page, comparison):
        tab, _ = opened(browser, path, width)
        sizes = tab.evaluate(
            "[...document.images].map(i => [i.getBoundingClientRect().width, getComputedStyle(i).imageRendering])"
        )
        assert {tuple(size) for size in sizes} == {(128, "pixelated")}


@pytest.mark.parametrize(("width", "shown"), [(PHONE, (112, 164)), (DESKTOP, (256, 256))])
def test_large_pictures_are_shown_large_and_in_pairs(
    browser: Any, tmp_path: Path, width: int, shown: tuple[int, int]
) -> None:
    whole = case(tmp_path)
    drawn = {"before": colour(tmp_path, 9, 9, 512), "after": colour(tmp_path, 8, 8, 512)}
    items = tuple(item.model_copy(update=drawn) for item in whole.items)
    tab, _ = opened(browser, write_report(suite(tmp_path, whole.model_copy(update={"items": items})))[0], width)
    boxes = tab.evaluate(
        "[...document.images].map(i => [i.getBoundingClientRect().width, i.getBoundingClientRect().top])"
    )
    assert all(shown[0] <= box[0] <= shown[1] for box in boxes)
    assert all(one[1] == other[1] for one, other in zip(boxes[::2], boxes[1::2], strict=True))


def test_broken_is_the_largest_word_on_the_page(browser: Any, page: Path) -> None:
    for width in (PHONE, DESKTOP):
        tab, _ = opened(browser, page, width)
        size = "parseFloat(getComputedStyle({}).fontSize)"
        broken = tab.evaluate(size.format("document.querySelector('.verdict.broken .word')"))
        others = tab.evaluate(f"[...document.querySelectorAll('h1, h2, .big')].map(e => {size.format('e')})")
        assert broken > 1.2 * max(others)
        box = tab.locator(".verdict.broken .word").bounding_box()
        assert box["height"] < 1.5 * broken  # on one line


def test_dark_is_dark_and_text_can_be_read_in_both(browser: Any, page: Path) -> None:
    for scheme in ("light", "dark"):
        tab, _ = opened(browser, page, scheme=scheme)
        ink, paper = tab.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
        assert (luminance(paper) < 0.1) == (scheme == "dark")
        soft = tab.evaluate("getComputedStyle(document.querySelector('.soft')).color")
        assert contrast(ink, paper) > 10
        assert contrast(soft, paper) > 4.5


def test_the_keyboard_reaches_links_tables_and_details(browser: Any, comparison: Path) -> None:
    tab, _ = opened(browser, comparison, PHONE)
    reached = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("(e => e.tagName + '.' + e.className)(document.activeElement)"))
    assert reached[0] == "A.skip"
    assert {"DIV.scroll", "DIV.pictures", "A."} <= set(reached)
    tab.evaluate("document.querySelector('summary').focus()")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.querySelector('details').open")


def luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
