from __future__ import annotations

import math

import pytest

from overpaint.json_reading import from_json


def test_json_is_read_as_python_reads_it() -> None:
    assert from_json('{"a": [1, 2.5, null, "\\ud83d\\udd2b"], "b": {}}') == {"a": [1, 2.5, None, "🔫"], "b": {}}
    assert from_json("[" * 200 + "]" * 200)
    assert from_json("3") == 3


@pytest.mark.parametrize("depth", [201, 900, 100_000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a": [', "]}")])
def test_what_is_nested_too_deep_is_refused_in_one_line(depth: int, begin: str, end: str) -> None:
    with pytest.raises(ValueError, match=r"^nested deeper than 200 levels$"):
        from_json(begin * depth + end * depth)


def test_what_is_no_json_is_refused() -> None:
    for text in ("", "{", "{'a': 1}", "NaN", '{"a": [-Infinity]}', '["\\ud83d"]', '{"a\\ud83d": {}}'):
        with pytest.raises(ValueError, match=r".+"):
            from_json(text)
    assert math.isnan(from_json("NaN", finite=False))
