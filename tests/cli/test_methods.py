"""Every method introduces itself."""

from __future__ import annotations

from overpaint.methods import METHODS
from tests.cli.conftest import Run


def test_every_method_is_listed_with_what_it_edits_its_cost_and_its_paper(run: Run) -> None:
    shown = run("methods").output
    words = " ".join(shown.split())
    for name, method in METHODS.items():
        assert name in shown
        for text in (method.edits, method.cost, method.paper):
            assert text.split()[0] in words


def test_one_method_tells_its_settings(run: Run) -> None:
    shown = run("methods", "sld").output
    assert "threshold" in shown
    assert "moderate" in shown
    assert "there are" in run("methods", "sdl", code=2).output
