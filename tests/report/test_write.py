from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from overpaint.report import write_comparison, write_report
from tests.report.worlds import case, suite


def test_page_and_card_lie_beside_the_result(tmp_path: Path) -> None:
    page, card = write_report(suite(tmp_path))
    assert (page, card) == (tmp_path / "report.html", tmp_path / "model_card.md")
    assert "(report.html)" in card.read_text()
    assert "before_after.png" not in card.read_text()
    (tmp_path / "before_after.png").write_bytes(b"")
    assert "(before_after.png)" in write_report(tmp_path)[1].read_text()


def test_they_can_go_elsewhere(tmp_path: Path) -> None:
    page, card = write_report(suite(tmp_path / "run"), tmp_path / "elsewhere")
    assert page.parent == card.parent == tmp_path / "elsewhere"
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_comparison_is_one_page(tmp_path: Path) -> None:
    folders = [suite(tmp_path / name, case(tmp_path / name, name)) for name in ("emcid", "uce")]
    page = write_comparison(folders, tmp_path / "pages" / "both.html")
    assert "emcid and uce side by side" in page.read_text()


def test_reports_need_no_torch() -> None:
    code = "import sys, overpaint.report; assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
