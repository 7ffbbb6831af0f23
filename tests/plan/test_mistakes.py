"""Every mistake is named with its line and what mends it, all at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from overpaint.errors import PlanError
from overpaint.plan import Plan
from tests.plan.reader import problems, read

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
