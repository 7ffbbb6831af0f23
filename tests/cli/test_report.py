from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.report.worlds import case, suite


def test_report_writes_page_and_card_and_says_where(run: Run, tmp_path: Path) -> None:
    output = run("report", suite(tmp_path / "run")).stdout
    assert str(tmp_path / "run" / "report.html") in output
    assert str(tmp_path / "run" / "model_card.md") in output
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!doctype html>")


def test_compare_writes_one_page(run: Run, tmp_path: Path) -> None:
    folders = [suite(tmp_path / name, case(tmp_path / name, name)) for name in ("emcid", "uce")]
    output = run("compare", *folders, "--out", tmp_path / "both.html").stdout
    assert output.strip() == str(tmp_path / "both.html")
    assert (tmp_path / "both.html").is_file()


def test_one_run_has_nothing_beside_it(run: Run, tmp_path: Path) -> None:
    for more in ((), ("--dry-run",)):
        told = run("compare", suite(tmp_path / "run"), "--out", tmp_path / "x.html", *more, code=2).stderr
        assert "name two or more, or use overpaint report" in told
        assert told.count("error:") == 1
    assert not (tmp_path / "x.html").exists()


def test_a_dry_run_names_the_files_and_writes_none(run: Run, tmp_path: Path) -> None:
    folder = suite(tmp_path / "run")
    told = run("report", folder, "--dry-run").stdout
    assert str(folder / "report.html") in told
    assert str(folder / "model_card.md") in told
    other = suite(tmp_path / "other", case(tmp_path / "other", "uce"))
    assert (
        str(tmp_path / "both.html")
        in run("compare", folder, other, "--out", tmp_path / "both.html", "--dry-run").stdout
    )
    assert not list(tmp_path.rglob("*.html"))


def test_a_folder_without_a_run_is_one_line(run: Run, tmp_path: Path) -> None:
    assert run("report", tmp_path, code=2).stderr.startswith(f"error: {tmp_path}: no run and no result")
