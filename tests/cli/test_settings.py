from __future__ import annotations

from typing import Any

import pytest

from overpaint.cli.settings import FEW, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (0.5, "0.5"),
        ("cross", "cross"),
        ((), "[]"),
        (("begin",), "['begin']"),
        (tuple(range(11)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"),
        (("a {}",) * (FEW + 1), f"{FEW + 1} of them (such as a {{}})"),
        ({f"a {n} {{}}": "a dog" for n in range(633)}, "633 of them (such as a 0 {})"),
    ],
)
def test_values_are_those_of_plans_and_long_ones_are_counted(value: Any, text: str) -> None:
    assert shown(value) == text
