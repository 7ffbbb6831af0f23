"""The Studio as others meet it on the network: what it answers, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from overpaint.errors import OverpaintError
from tests.studio.worlds import Patchy, plan, room

pytest.importorskip("gradio", reason="gradio is not installed (the extra studio)")
testclient = pytest.importorskip("fastapi.testclient", reason="fastapi's test client needs httpx")

from overpaint.studio.server import listen, web_app  # noqa: E402

SECRET = "nobody may read this"
HOSTS = {"base_url": "http://127.0.0.1:7860"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Studio with one run, whose worker rests."""
    folder = tmp_path_factory.mktemp("studio") / "runs"
    studio = room(folder)
    job = studio.worker.submit(plan("pizza"), "pizza")
    Patchy().save(folder / job.name / "patch.safetensors")
    (folder / job.name / "report.html").write_text("<h1>The report</h1>")
    (folder.parent / "secret.txt").write_text(SECRET)
    with testclient.TestClient(web_app(studio), **HOSTS) as made:
        made.folder = folder
        yield made


def test_the_page_loads_nothing_from_elsewhere(client: Any) -> None:
    page = client.get("/").text
    assert "Overpaint Studio" in page
    assert client.get("/").headers["content-security-policy"] == "frame-ancestors 'self'"


def test_a_run_s_files_are_served_and_a_report_may_run_nothing(client: Any) -> None:
    patch = client.get("/runs/pizza/patch.safetensors")
    assert patch.content == b"patch"
    assert "attachment" in patch.headers["content-disposition"]
    report = client.get("/runs/pizza/report.html")
    assert "The report" in report.text
    assert "default-src 'none'" in report.headers["content-security-policy"]
    assert "content-disposition" not in report.headers


@pytest.mark.parametrize(
    "path",
    [
        "/runs/pizza/job.json",
        "/runs/pizza/..%2f..%2fsecret.txt",
        "/runs/..%2f/secret.txt",
        "/runs/../secret.txt",
        "/runs/%2e%2e/secret.txt",
        "/gradio_api/file={folder}/pizza/job.json",
        "/gradio_api/file={folder}/../secret.txt",
        "/gradio_api/file=/etc/passwd",
        "/file=/etc/passwd",
    ],
)
def test_no_path_leads_out(client: Any, path: str) -> None:
    answer = client.get(path.format(folder=client.folder))
    assert answer.status_code in (403, 404)
    assert answer.text != SECRET


def test_a_page_elsewhere_cannot_use_a_name_that_leads_here(client: Any) -> None:
    assert client.get("/", headers={"Host": "rebound.example"}).status_code == 400
    assert client.get("/", headers={"Host": "localhost:7860"}).status_code == 200


def test_an_upload_that_is_too_large_is_refused(client: Any) -> None:
    big = {"files": ("plan.yaml", b"x" * (5 << 20))}
    assert client.post("/gradio_api/upload", files=big).status_code == 413


def asked_to_check(client: Any, path: str) -> dict[str, Any]:
    """What becomes of a click on Check with a plan that is said to have been uploaded to ``path``."""
    config = client.get("/config").json()
    (check,) = (one for one in config["dependencies"] if one["targets"] and len(one["inputs"]) == 8)
    data = ["erase", "", {"path": path, "meta": {"_type": "gradio.FileData"}}, "emcid", "object", "", "", 0]
    ask = {"data": data, "fn_index": check["id"], "session_hash": path, "trigger_id": None}
    client.post("/gradio_api/queue/join", json=ask)
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": path}) as stream:
        told = [json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:")]
    return next(one for one in told if one["msg"] == "process_completed")


def test_a_file_of_this_computer_cannot_be_named_as_an_upload(client: Any) -> None:
    secret = client.folder.parent / "secret.yaml"
    secret.write_text("edits: [{erase: secret}]")
    end = asked_to_check(client, str(secret))
    assert end["success"] is False
    assert "in order" not in json.dumps(end)


def test_what_was_uploaded_is_read(client: Any) -> None:
    (path,) = client.post("/gradio_api/upload", files={"files": ("plan.yaml", b"edits: [{erase: dog}]")}).json()
    end = asked_to_check(client, path)
    assert end["success"] is True
    assert "1 edit by emcid: the plan is in order" in end["output"]["data"][0]


def test_a_port_that_is_taken_is_told_in_a_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OverpaintError, match="choose another --port"):
            listen("127.0.0.1", port)


def test_loopback_is_the_default() -> None:
    import inspect

    from overpaint.cli.studio import studio

    assert inspect.signature(studio).parameters["host"].default == "127.0.0.1"
    assert os.environ.get("GRADIO_SERVER_NAME") is None
