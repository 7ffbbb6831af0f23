from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.errors import RunError
from overpaint.provenance import Provenance
from overpaint.runs import RunFolder
from overpaint.studio.jobs import Jobs
from overpaint.studio.shelf import COMPARISONS, Shelf
from tests.studio.worlds import plan


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two runs with a patch, a secret beside them, and a link to it."""
    runs = tmp_path / "runs"
    for name, asked in (("one", plan("pizza")), ("two", plan("dog", method="uce"))):
        provenance = Provenance("emoji", "f" * 64, asked.method, {}, 0, {})
        with RunFolder.create(runs / name, asked, provenance) as work:
            (runs / name / "patch.safetensors").write_bytes(b"patch")
            work.finish(patch="0" * 64)
    (tmp_path / "secret").write_text("secret")
    (runs / "one" / "model_card.md").symlink_to(tmp_path / "secret")
    (runs / "one" / "secret.txt").write_text("secret")
    return Shelf(Jobs(runs))


def test_known_files_are_had(shelf: Shelf) -> None:
    assert shelf.file("one", "patch.safetensors").read_bytes() == b"patch"
    assert [entry.title for entry in shelf.entries("one")] == ["Patch", "Plan", "Log"]
    assert next(iter(shelf.entries("one"))).saved_as == "one-patch.safetensors"


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("one", "secret.txt"),
        ("one", "model_card.md"),
        ("one", "../two/patch.safetensors"),
        ("..", "secret"),
        ("one", "run.json"),
        ("three", "patch.safetensors"),
        (COMPARISONS, "../one/patch.safetensors"),
        (COMPARISONS, "patch.safetensors"),
    ],
)
def test_nothing_else_is(shelf: Shelf, run: str, name: str) -> None:
    with pytest.raises(RunError):
        shelf.file(run, name)


def test_runs_are_compared_on_one_page(shelf: Shelf) -> None:
    address = shelf.compare(["one", "two"])
    name = address.split("/")[-1].split("?")[0]
    page = shelf.file(COMPARISONS, name).read_text()
    assert "pizza" in page
    assert "dog" in page
    assert shelf.compare(["two", "one"]).split("?")[0] == address.split("?")[0]
    with pytest.raises(RunError, match="no run is called"):
        shelf.compare(["one", "../secret"])
