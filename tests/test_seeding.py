from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overpaint.seeding import derive

parts = st.lists(st.one_of(st.text(), st.integers()), max_size=4).map(tuple)


def test_the_value_never_changes() -> None:
    """Patches must be the same on every machine and in every version, so these literals are a promise."""
    assert derive(0) == 3229673090972834898
    assert derive(0, "latents", "replace:pistol", 3) == 2732426228947111468


@given(parts, parts)
def test_different_parts_give_different_seeds(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    same = [(type(part), part) for part in one] == [(type(part), part) for part in other]
    assert (derive(7, *one) == derive(7, *other)) == same
    assert 0 <= derive(7, *one) < 2**63


def test_borders_and_types_count() -> None:
    assert len({derive(1, "ab", "c"), derive(1, "a", "bc"), derive(1, "abc"), derive(1, "abc", "")}) == 4
    assert derive(0, 1) != derive(0, "1") != derive(0, "01")
    assert derive(1) != derive(2)


@pytest.mark.parametrize("part", [0.5, None, True, b"x"])
def test_parts_that_would_differ_elsewhere_are_refused(part: object) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        derive(0, part)  # type: ignore[arg-type]
