"""Plans as hypothesis makes them."""

from __future__ import annotations

import unicodedata
from typing import Any

from hypothesis import strategies as st

from overpaint.plan import KINDS, Edit, Plan
from overpaint.plan.checks import concept, folded

_letters = st.characters(
    exclude_categories=("Cc", "Cs", "Zl", "Zp"),
    exclude_characters="\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)
_tricky = st.sampled_from(
    [
        "no",
        "null",
        "~",
        "1e5",
        "007",
        "2024-01-01",
        "12:30",
        "a: b",
        "# x",
        "- x",
        "{}",
        "'",
        '"',
        "*a",
        "<<",
        "🏴‍☠️",
        "été",
    ]
)


def _visible(text: str) -> bool:
    return any(unicodedata.category(letter)[0] in "LMNPS" for letter in text)


names = st.one_of(_tricky, st.text(_letters, min_size=1, max_size=12).filter(lambda t: t.strip() and _visible(t))).map(
    concept
)
templates = st.sampled_from(["{}", "a photo of {}", "{}, «oil»", "a {}: #1 'best'"])
seeds = st.integers(0, 2**63 - 1)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False), names
)
settings = st.dictionaries(
    names,
    st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
        max_leaves=6,
    ),
    max_size=4,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any valid plan without pictures."""
    pool = draw(st.lists(names, min_size=1, max_size=12, unique_by=folded))
    count = draw(st.integers(1, len(pool)))
    sources, others = pool[:count], pool[count:]
    edits = []
    for source in sources:
        actions = ["erase", "moderate"] + ["replace", "rectify"] * (len(others) > 0) + ["debias"] * (len(others) > 1)
        action = draw(st.sampled_from(actions))
        words: dict[str, Any] = {"action": action, "source": source, "kind": draw(st.sampled_from(sorted(KINDS)))}
        if action == "debias":
            phrases = draw(st.lists(st.sampled_from(others), min_size=2, unique=True))
            weights = [draw(st.integers(1, 9)) for _ in phrases]
            words["over"] = {phrase: weight / sum(weights) for phrase, weight in zip(phrases, weights, strict=True)}
        elif action in ("replace", "rectify") or (others and draw(st.booleans())):
            words["destination"] = draw(st.sampled_from(others))
        elif action == "erase" and draw(st.booleans()):
            words["within"] = f"{source} with something"
        if action == "moderate":
            words["members"] = tuple(f"{source} {number}" for number in range(draw(st.integers(0, 3))))
        words["prompts"] = tuple(draw(st.lists(templates, max_size=3)))
        words["seed"] = draw(st.none() | seeds)
        edits.append(Edit(**words))
    preserve = draw(st.lists(names, max_size=3, unique_by=folded))
    kept = tuple(name for name in preserve if folded(name) not in {folded(source) for source in sources})
    return Plan(
        model=draw(names),
        method=draw(names),
        settings=draw(settings),
        edits=tuple(edits),
        preserve=kept,
        seed=draw(seeds),
    )
