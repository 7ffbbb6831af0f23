"""What is written is what was meant, and whatever is read is a plan or a list of mistakes with lines."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from overpaint.errors import PlanError
from overpaint.plan import KINDS, Plan
from overpaint.plan.checks import folded
from tests.plan.strategies import names, plans


def read(content: str | bytes, ending: str) -> Plan:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"plan.{ending}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Plan.read(path)


def problems(call: Callable[[], Plan]) -> tuple[str, ...]:
    """The lines of the error, if there is one; every other exception escapes."""
    try:
        call()
    except PlanError as error:
        return tuple(str(error).split("\n"))
    return ()


@pytest.mark.parametrize("ending", ["yaml", "json"])
@given(plan=plans())
@settings(max_examples=60, deadline=None)
def test_a_plan_survives_being_written(ending: str, plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as folder:
        back = Plan.read(plan.write(Path(folder) / f"plan.{ending}"))
    assert back == plan
    assert back.fingerprint() == plan.fingerprint()
    assert Plan.parse(plan.to_data()) == plan


@given(
    st.lists(st.tuples(names, names), min_size=1, max_size=8, unique_by=lambda pair: folded(pair[0])),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=60, deadline=None)
def test_names_come_through_a_table_as_they_are(pairs: list[tuple[str, str]], end: str) -> None:
    sources = {folded(source) for source, _ in pairs}
    pairs = [(source, name) for source, name in pairs if folded(name) not in sources]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.csv"
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file, lineterminator=end)
            writer.writerows([("source", "destination"), *pairs])
        if not pairs:
            with pytest.raises(PlanError, match="no edits"):
                Plan.read(path)
            return
        plan = Plan.read(path)
    assert [(edit.source, edit.destination) for edit in plan.edits] == pairs
    assert [edit.where.line for edit in plan.edits if edit.where] == list(range(2, len(pairs) + 2))


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


# How to spoil one entry of a good plan: the new entry (one line of YAML) and what the message must say.
SPOILT = {
    "{replce: zebra, with: horse}": "did you mean 'replace'",
    "{replace: zebra}": "does not say with what",
    "{replace: zebra, wiht: horse}": "did you mean 'with'",
    "{replace: '', with: horse}": "empty name",
    "{replace: ' ', with: horse}": "empty name",
    "{replace: zebra, with: Zebra}": "becomes itself",
    "{replace: THING 0, with: horse}": "edited twice",
    "{replace: zebra, with: thing 0}": "itself edited",
    "{erase: kept}": "preserved at",
    "{erase: zebra, with: horse}": "'with' belongs to replace",
    "{replace: zebra, to: horse}": "'to' belongs to erase and moderate; replace takes 'with'",
    "{replace: zebra, with: horse, from: cow}": "takes no 'from'",
    "{erase: zebra, from: ''}": "empty name",
    "{erase: zebra, from: zebra}": "from itself",
    "{erase: zebra, from: kept}": "'kept' is edited here and preserved at",
    "{erase: zebra, form: horse}": "did you mean 'from'",
    "{erase: zebra, members: [horse]}": "takes no members",
    "{moderate: zebra, with: horse}": "moderate takes 'to'",
    "{moderate: zebra, members: [horse, Horse]}": "'Horse' is given twice",
    "{moderate: zebra, members: [thing 0]}": "'thing 0' is edited twice",
    "{moderate: zebra, members: {horse: 1}}": "a mapping where text is expected",
    "{moderate: zebra, member: horse}": "did you mean 'members'",
    "{erase: zebra, replace: horse, with: cow}": "make two edits",
    "{erase: zebra, kind: objekt}": "did you mean 'object'",
    "{erase: zebra, prompts: [a photo]}": "0 slots",
    "{erase: zebra, prompts: ['{} {}']}": "2 slots",
    "{erase: zebra, prompts: ['{} {x}']}": "other braces",
    "{erase: zebra, seed: -1}": "out of range",
    "{erase: zebra, seed: 1.5}": "whole number",
    "{erase: zebra, erase: horse}": "given twice",
    "{erase: [zebra]}": "a list where text is expected",
    "{erase: true}": "truth value",
    "{erase: null}": "'erase' is empty",
    '{erase: "a\\u202eb"}': "control character U+202E",
    "{debias: zebra, over: {horse: 0.5, cow: 0.6}}": "sum to 1.1",
    "{debias: zebra, over: {horse: 1.0}}": "two or more",
    "{debias: zebra, over: {horse: 0.5, Horse: 0.5}}": "two or more",
    "{debias: zebra, over: {horse: half, cow: 0.5}}": "not a number",
    "{debias: zebra, with: horse}": "'with' belongs to replace",
    "{debias: zebra}": "needs shares",
    "{rectify: zebra}": "does not say as what",
    "{rectify: zebra, images: missing.png}": "no picture at",
    "{kind: object}": "no action",
    "zebra": "text where keys are expected",
    "!!python/name:os.system x": "tag",
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_mistake_is_named_with_its_line(spoilt: str) -> None:
    lines = ["# a comment", "edits:"]
    for index in range(3):
        lines += [f"  - replace: thing {index}", f"    with: other {index}", ""]
    lines += [f"  - {spoilt}", "preserve:", "  - kept"]
    found = problems(lambda: read("\n".join(lines), "yaml"))
    assert [re.sub(r"^/.*?/plan", "plan", line).split(": ")[0] for line in found] == ["plan.yaml:12"]
    assert SPOILT[spoilt] in found[0]
    if "THING" in spoilt:
        assert "plan.yaml:3;" in found[0]
    if "kept" in spoilt:
        assert "plan.yaml:14;" in found[0]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    content = "sed: 1\nsettings: [1]\nseed: x\nedits:\n" + "".join(f"  - {spoilt}\n" for spoilt in list(SPOILT)[:-1])
    found = problems(lambda: read(content, "yaml"))
    numbers = [int(re.search(r"\.yaml:(\d+): ", line)[1]) for line in found]  # type: ignore[index]
    assert numbers == sorted(numbers)
    # All but those that are only wrong beside the other test's good entries.
    alone = [
        index
        for index, spoilt in enumerate(list(SPOILT)[:-1])
        if "thing 0" not in spoilt.lower() and "kept" not in spoilt
    ]
    assert {1, 2, 3, *(5 + index for index in alone)} <= set(numbers)


ENTRY = "edits: [{erase: pizza}]\n"


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("", 1, "empty file"),
        ("# nothing\n", 1, "empty file"),
        ("- erase: pizza", 1, "a list where keys are expected"),
        ("model: emoji", 1, "no edits"),
        ("model: emoji\nedits: []", 2, "no edits"),
        ("edits: {erase: pizza}", 1, "'edits' is a mapping, not a list"),
        (ENTRY + "metod: emcid", 2, "did you mean 'method'?"),
        (ENTRY + "<<: {a: b}", 2, "unknown key '<<'"),
        (ENTRY + "settings:\n  a: .inf", 3, "not a finite number"),
        (ENTRY + "settings:\n  a: 1\n  a: 2", 4, "given twice"),
        (ENTRY + "preserve: [ok,\n  '']", 3, "empty name"),
        (ENTRY + "---\na: b", 2, "expected a single document"),
        (ENTRY + "model: a: b", 2, "mapping values are not allowed"),
        (ENTRY + "model: a\x07", 2, "U+0007 is not allowed"),
        (ENTRY.encode() + b"model: \xff", 2, "not UTF-8"),
        (ENTRY.encode("utf-16"), 1, "not UTF-8"),
        ("edits: " + "[" * 100_000, 1, "nested deeper"),
        ("edits: &a [*a]", 1, "nested deeper"),
        (
            "edits:\n- &a ["
            + "x, " * 999
            + "x]\n"
            + "".join(f"- &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in ("ab", "bc", "cd")),
            2,
            "aliases multiply",
        ),
        ("edits: none.csv", 1, "no table at"),
        ("edits: pizza", 1, "no .csv file"),
        ("x" * (4 * 2**20 + 1), 1, "larger than 4 MiB"),
    ],
)
def test_what_is_wrong_with_a_file(content: str | bytes, line: int, says: str) -> None:
    (found,) = problems(lambda: read(content, "yaml"))
    assert f"plan.yaml:{line}: " in found
    assert says in found


def test_files_that_are_not_there_or_not_plans(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for name, says in {"none.yaml": "No such file", "folder.yaml": "directory", "plan.txt": "name plans .yaml"}.items():
        with pytest.raises(PlanError, match=says):
            Plan.read(tmp_path / name)


def test_words_mean_what_yaml_1_2_and_json_say() -> None:
    plan = read(
        "settings: {rate: 1e-4, on: yes, n: 010}\n"
        "edits: [{erase: no}, {erase: 007}, {erase: 2024-01-01}, {erase: 1e5}, {erase: 'null'}]",
        "yaml",
    )
    assert [edit.source for edit in plan.edits] == ["no", "007", "2024-01-01", "1e5", "null"]
    assert plan.settings == {"rate": 1e-4, "on": "yes", "n": 10}


def test_json_with_tabs_escapes_and_lines() -> None:
    plan = read('{\n\t"edits": [\n\t\t{"erase": "\\ud83c\\udf55 \\u00e9", "to": null}\n\t]\n}', "json")
    assert plan.edits[0].source == "🍕 é"
    assert plan.edits[0].at.endswith("plan.json:3")


def test_the_nearer_word_wins_for_kind_and_prompts() -> None:
    plan = read(
        "kind: style\nprompts: ['x {}']\nedits: [{erase: a}, {erase: b, kind: object}, {erase: c, prompts: 'y {}'}]",
        "yaml",
    )
    assert [edit.kind for edit in plan.edits] == ["style", "object", "style"]
    assert [edit.prompts for edit in plan.edits] == [("x {}",), KINDS["object"].prompts, ("y {}",)]
    assert read("kind: style\nedits: [{erase: a}]", "yaml").edits[0].prompts == KINDS["style"].prompts


def test_pictures_and_tables_are_looked_for_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"1")
    (tmp_path / "more.csv").write_text("source,destination\na,b\nc,\n")
    (tmp_path / "a.yaml").write_text("edits: [{rectify: cat, images: cat.png}]")
    assert Plan.read(tmp_path / "a.yaml").edits[0].images == (tmp_path / "cat.png",)
    (tmp_path / "b.yaml").write_text("edits: more.csv\nseed: 3")
    with pytest.raises(PlanError, match=r"more\.csv:3: replace 'c' has no destination"):
        Plan.read(tmp_path / "b.yaml")


def test_places_of_settings_are_known() -> None:
    plan = read(ENTRY + "settings:\n  rate: 1\n  deep:\n    steps: 2\n", "yaml")
    assert plan.at("settings.rate").endswith("plan.yaml:3")
    assert plan.at("settings.deep.steps").endswith("plan.yaml:5")
    assert plan.at("settings.unknown").endswith("plan.yaml:3")
    assert plan.at("model") == "model"
