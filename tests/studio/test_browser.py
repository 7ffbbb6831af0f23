"""The Studio in a real browser, where there is one: edit, try and report, with a mouse, by keyboard, on a phone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import DESKTOP, PHONE, needed, tab_of
from tests.studio.worlds import HOSTILE, FakeBench, eventually, plan, room

pytest.importorskip("gradio", reason="gradio is not installed (the extra studio)")
uvicorn = pytest.importorskip("uvicorn")

from overpaint.studio.server import listen, web_app  # noqa: E402

pytestmark = needed
Open = Callable[..., tuple[Any, list[str]]]


@contextmanager
def served(studio: Any) -> Iterator[str]:
    """The Studio's address while it answers."""
    socket = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(web_app(studio), log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: server.run(sockets=[socket]), daemon=True)
    thread.start()
    studio.worker.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}/"
    server.should_exit = True
    studio.worker.close()
    thread.join(30)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return room(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def address(studio: Any) -> Iterator[str]:
    with served(studio) as found:
        yield found


def opened(browser: Any, address: str, width: int = DESKTOP, looks: Any = None) -> tuple[Any, list[str]]:
    """A tab on the Studio, and what went wrong; ``looks`` deals with its looks at the jobs."""
    tab, said = tab_of(browser, width)
    if looks is not None:
        tab.route("**/run/predict", looks)
    here = (address, "data:", "blob:")
    tab.on("request", lambda request: None if request.url.startswith(here) else said.append(request.url))
    tab.goto(address)
    tab.get_by_role("tab", name="Edit").wait_for()
    return tab, said


def wrong(said: list[str]) -> list[str]:
    """What went wrong, but for event streams, which Gradio's client breaks off when it has what it waited for."""
    return [line for line in said if "/gradio_api/queue/data?" not in line]


def ask(tab: Any, concepts: str, action: str = "erase") -> None:
    tab.get_by_role("tab", name="Edit").click()
    tab.get_by_role("radio", name=action).check()
    tab.get_by_label("Concepts, one per line").fill(concepts)


def start(tab: Any, concepts: str, action: str = "erase") -> None:
    ask(tab, concepts, action)
    tab.get_by_role("button", name="Start").click()


@contextmanager
def at_work(browser: Any, runs: Path) -> Iterator[tuple[Any, Any, list[str]]]:
    """A Studio that was asked for two concepts and is held up at the first, a tab on it, and what the tab said."""
    bench = FakeBench()
    bench.gate.clear()
    studio = room(runs, bench)
    with served(studio) as address:
        tab, said = opened(browser, address)
        start(tab, "one\ntwo")
        tab.get_by_role("progressbar", name="Stage I").wait_for()
        yield studio, tab, said


def pick(tab: Any, label: str, name: str) -> None:
    tab.get_by_role("combobox", name=label).click()
    tab.get_by_role("option", name=name, exact=True).click()
    tab.keyboard.press("Escape")


def test_edit_try_and_report(browser: Any, address: str, studio: Any) -> None:
    tab, said = opened(browser, address)
    ask(tab, "dog -> robot\ncat -> fox", "replace")
    tab.get_by_role("button", name="Check").click()
    tab.locator("#said").get_by_text("2 edits by emcid: the plan is in order").wait_for()
    tab.locator("#said").get_by_text("about 24 s").wait_for()
    tab.get_by_role("button", name="Start").click()
    tab.locator("#result img").wait_for()
    assert tab.locator("#result img").evaluate("image => image.naturalWidth") == 640
    tab.locator("#result").get_by_text("Not judged.").wait_for()
    name = studio.job_names()[0]
    assert name == "replace-dog-with-robot"

    tab.get_by_role("tab", name="Try").click()
    tab.get_by_label("Prompts, one per line").fill("a dog\na hen")
    tab.get_by_label("Seeds").fill("3..4")
    pick(tab, "Patches of these runs", name)
    slider = tab.get_by_role("spinbutton", name=f"Strength of {name}")
    slider.wait_for()
    slider.fill("0.5")
    slider.press("Tab")
    tab.get_by_role("button", name="Draw").click()
    tab.locator("#pictures img").nth(7).wait_for()
    assert tab.locator("#pictures img").count() == 8
    prompts, seeds, layers = studio.bench.drawn[-1]
    assert (prompts, seeds) == (["a dog"] * 2 + ["a hen"] * 2, [3, 4, 3, 4])
    assert [(layer.path.parent.name, layer.strength) for layer in layers] == [(name, 0.5)]

    tab.get_by_role("tab", name="Report").click()
    pick(tab, "Runs: one to open", name)
    tab.get_by_role("button", name="Open").click()
    tab.frame_locator("#report iframe").get_by_text("The report").wait_for()
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Patch").click()
    assert download.value.suggested_filename == f"{name}-patch.safetensors"
    assert Path(download.value.path()).read_bytes() == b"patch"
    tab.get_by_role("button", name="Make its LoRA").click()
    with tab.expect_download() as download:
        tab.get_by_role("link", name="LoRA").click()
    assert Path(download.value.path()).read_bytes() == b"lora of patch"
    assert wrong(said) == []


def test_what_is_wrong_is_said_where_people_look(browser: Any, address: str) -> None:
    tab, said = opened(browser, address)
    start(tab, "dog", "replace")
    tab.get_by_role("alert").get_by_text("line 1: says not what becomes of it").wait_for()
    start(tab, "trouble")
    tab.locator("#jobs").get_by_text("trouble: the edit diverged; soften it").wait_for()
    assert wrong(said) == []


def test_names_are_shown_and_not_carried_out(browser: Any, address: str, studio: Any) -> None:
    tab, said = opened(browser, address)
    start(tab, HOSTILE)
    tab.locator("#result").get_by_text(HOSTILE).wait_for()
    tab.get_by_role("tab", name="Try").click()
    tab.get_by_label("Prompts, one per line").fill(HOSTILE)
    tab.get_by_role("button", name="Draw").click()
    tab.locator("#pictures").get_by_text(HOSTILE).wait_for()
    assert tab.title() == "Overpaint Studio"
    assert wrong(said) == []


def test_a_job_outlives_the_browser_and_the_studio(browser: Any, tmp_path: Path) -> None:
    with at_work(browser, tmp_path) as (first, tab, _):
        bench = first.bench
        tab.context.close()
        assert bench.reached.wait(30)
        threading.Timer(0.2, bench.gate.set).start()
    assert [job.state for job in first.worker.jobs.listed()] == ["running"]
    second = room(tmp_path, bench)
    with served(second) as address:
        tab, said = opened(browser, address)
        tab.locator("#jobs").get_by_text("finished").wait_for()
        tab.locator("#result img").wait_for()
        assert wrong(said) == []
    assert bench.done == ["erase:one", "erase:two"]


def test_cancelling_keeps_finished_concepts_and_going_on_does_the_rest(browser: Any, tmp_path: Path) -> None:
    with at_work(browser, tmp_path) as (studio, tab, said):
        tab.get_by_role("button", name="Cancel").click()
        tab.locator("#said").get_by_text("finished concepts are kept").wait_for()
        studio.bench.gate.set()
        tab.locator("#jobs").get_by_text("cancelled").wait_for()
        eventually(lambda: studio.worker.board("erase-one") is None)
        assert studio.bench.done == ["erase:one"]
        tab.get_by_role("button", name="Go on").click()
        tab.locator("#result img").wait_for()
        assert studio.bench.done == ["erase:one", "erase:two"]
        assert wrong(said) == []


def test_a_late_answer_does_not_take_the_started_job_away(browser: Any, tmp_path: Path) -> None:
    studio = room(tmp_path)
    held: list[tuple[Any, Any]] = []
    studio.worker.submit(plan("old"), "old")

    def looks(route: Any) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    with served(studio) as address:
        tab, said = opened(browser, address, looks=looks)
        while not held:
            tab.wait_for_timeout(20)
        start(tab, "mine")
        tab.locator("#said").get_by_text("erase-mine is in the queue").wait_for()
        first, answer = held[0]
        first.fulfill(response=answer)  # it says that "old" is to be chosen
        tab.locator("#result").get_by_text("erase-mine").wait_for()
        assert tab.get_by_label("Job", exact=True).input_value() == "erase-mine"
        pick(tab, "Job", "old")
        tab.locator("#result").get_by_text("erase old").wait_for()
        assert wrong(said) == []


def test_all_of_it_fits_a_phone_and_can_be_used_by_keyboard(browser: Any, address: str) -> None:
    tab, said = opened(browser, address, PHONE)
    tab.get_by_label("Concepts, one per line").focus()
    tab.keyboard.type("banana")
    for _ in range(30):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.innerText") == "Start":
            break
    assert tab.evaluate("document.activeElement.innerText") == "Start"
    assert tab.get_by_label("Concepts, one per line").input_value() == "banana"
    tab.keyboard.press("Enter")
    tab.locator("#jobs").get_by_text("erase-banana").wait_for()
    tab.locator("#result").get_by_text("erase-banana").wait_for()
    for name in ("Edit", "Try", "Report"):
        tab.get_by_role("tab", name=name).click()
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE, name
    assert wrong(said) == []
