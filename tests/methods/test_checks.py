"""What plans ask for that hardly anybody means."""

from __future__ import annotations

import logging

import pytest

from overpaint.methods import fit
from overpaint.methods.checks import lone_categories
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, tiny_backbone


def test_a_category_without_members_is_told_where_and_how_to_mend(caplog: pytest.LogCaptureFixture) -> None:
    edits = [{"moderate": "pizza"}, {"moderate": "dog", "members": ["cat"]}, {"erase": "hens"}]
    plan = Plan.parse({"method": "uce", "edits": edits})
    (line,) = lone_categories(plan)
    assert line.startswith("edits[0]")
    assert "'pizza'" in line
    assert "--member" in line
    with caplog.at_level(logging.WARNING):
        fit(tiny_backbone(), plan, captions=CAPTIONS)
    assert caplog.messages == [line]
