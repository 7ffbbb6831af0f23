"""Whatever is read is a plan or a list of mistakes with lines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from overpaint.plan import Plan
from tests.plan.reader import problems, read
from tests.plan.strategies import names


@pytest.mark.parametrize("ending", ["yaml", "json", "csv"])
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(content=b'"\\UFFFFFFFF"')
@example(content=b'edits: [{erase: "\\ud800"}]')
@example(content=b"%YAML 9.9\n---\nedits: 1")
@example(content=b"? [1]\n: 2")
@example(content=b"&a [*a]")
@example(content=b"seed: 0x1\nedits: !!set {a}")
@example(content=b"seed: " + b"9" * 5000)
@example(content=b"edits: [{erase: " + b"9" * 5000 + b"}]")
@example(content=b'edits: "\\0.csv"')
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_plan_or_mistakes_with_lines(ending: str, content: bytes) -> None:
    for line in problems(lambda: read(content, ending)):
        assert re.fullmatch(rf"/.*/plan\.{ending}:\d+: .+; .+", line)


GOOD = {
    "yaml": """model: emoji
seed: 1
settings: {rate: 1e-4, deep: {a: [1, 2]}}
edits:
- replace: pistol
  with: &w water pistol
- {debias: pilot, over: {man: 0.5, woman: 0.5}, kind: profession}
- erase: 'x'
  prompts: ['a {}']
- {erase: hat, from: cowboy}
- {moderate: weapon, members: [sword, axe], to: toy}
preserve: [*w, y]
""",
    "json": """{"edits": [
{"replace": "pistol", "with": "\\ud83d\\udd2b"},
{"erase": "x", "seed": 2}], "preserve": ["y"]}
""",
    "csv": """source,destination,edit,kind,seed,preserve,members
pistol,"water, ""pistol\""",,,,,
x,,erase,style,7,,
weapon,,moderate,,,,sword | axe
y,,,,,yes,
""",
}


@pytest.mark.parametrize("ending", GOOD)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_spoilt_plan_is_a_plan_or_mistakes_with_lines(ending: str, data: st.DataObject) -> None:
    text = GOOD[ending]
    for _ in range(data.draw(st.integers(0, 3))):
        start, stop = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        stop = min(stop, start + 8)
        pieces = [
            st.just(""),
            st.just(text[start:stop] * 2),
            st.sampled_from(list("{}[]:,-'\"\\&*!|>%@`#?\t\n\r\0 ")),
            st.text(max_size=2),
        ]
        text = text[:start] + data.draw(st.one_of(pieces)) + text[stop:]
    found = problems(lambda: read(text.encode("utf-8", "surrogatepass"), ending))
    for line in found:
        assert re.fullmatch(rf"/.*/plan\.{ending}:\d+: .+; .+", line)
    assert text != GOOD[ending] or not found


words = st.sampled_from(
    (
        *("model", "method", "settings", "edits", "preserve", "seed", "kind", "prompts", "images", "colour"),
        *("replace", "with", "erase", "to", "from", "moderate", "members", "rectify", "as", "debias", "over"),
    )
)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    names,
    st.sampled_from(["{}", "object", "a", "b"]),
)

trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)

entries = st.dictionaries(words, trees, max_size=4)

shaped: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"edits": st.lists(entries, max_size=4) | trees},
    optional={word: trees for word in ("seed", "settings", "kind", "prompts", "preserve")},
)


@given(shaped)
@settings(max_examples=300, deadline=None)
def test_any_data_is_a_plan_or_mistakes_with_paths(data: dict[str, Any]) -> None:
    found = problems(lambda: Plan.parse(data))
    for line in found:
        assert re.fullmatch(r"\S+: .+; .+", line)
    if not found:
        plan = Plan.parse(data)
        assert Plan.parse(plan.to_data()) == plan
