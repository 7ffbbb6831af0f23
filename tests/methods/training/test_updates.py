"""How many updates several concepts take."""

from __future__ import annotations

from overpaint.methods.training.updates import updates_of


def test_each_further_concept_takes_its_own() -> None:
    assert [updates_of(n, 100, None) for n in (1, 2, 10)] == [100, 200, 1000]
    assert [updates_of(n, 100, 20) for n in (1, 2, 10)] == [100, 120, 280]
