from __future__ import annotations

from pathlib import Path

import pytest

from overpaint.errors import PlanError
from overpaint.plan import Plan


def read(folder: Path, content: str) -> Plan:
    path = folder / "plan.csv"
    path.write_text(content, encoding="utf-8")
    return Plan.read(path)


def test_source_and_destination_alone_mean_replace(tmp_path: Path) -> None:
    plan = read(tmp_path, "source,destination\npistol,water pistol\n\n  gun , flower\n")
    assert [(edit.action, edit.source, edit.destination) for edit in plan.edits] == [
        ("replace", "pistol", "water pistol"),
        ("replace", "gun", "flower"),
    ]
    assert plan.edits[1].at == f"{tmp_path}/plan.csv:4"


def test_every_column_means_what_yaml_means(tmp_path: Path) -> None:
    table = '''Edit,Source,Destination,Kind,Seed,Preserve,From,Members
erase,twemoji,,style,,
erase,blood,ketchup,content,7,no
erase,hat,,,,,cowboy,
moderate,weapon,,,,,,pistol | sword
moderate,drink,juice,,,,,
rectify,aubergine,eggplant,,,
debias,pilot,man pilot | woman pilot,profession,,
,"crème, ""brûlée""","pie, apple",,,0
,rifle range,,,,yes
,toy box,,,,X
'''
    yaml = """
edits:
- {erase: twemoji, kind: style}
- {erase: blood, to: ketchup, kind: content, seed: 7}
- {erase: hat, from: cowboy}
- {moderate: weapon, members: [pistol, sword]}
- {moderate: drink, to: juice}
- {rectify: aubergine, as: eggplant}
- {debias: pilot, over: {man pilot: 0.5, woman pilot: 0.5}, kind: profession}
- {replace: 'crème, "brûlée"', with: 'pie, apple'}
preserve: [rifle range, toy box]
"""
    (tmp_path / "same.yaml").write_text(yaml, encoding="utf-8")
    assert read(tmp_path, table) == Plan.read(tmp_path / "same.yaml")


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("pizza,burger\n", 1, "not a header such as source,destination"),
        ("source;destination\na;b\n", 1, "separate columns by commas"),
        ("source,dest\na,b\n", 1, "did you mean 'destination'?"),
        ("source,source\na,b\n", 1, "is there 2 times"),
        ("destination\na\n", 1, "no column source"),
        ("source,destination\n", 1, "no edits"),
        ("source,destination\na,b\nc\n", 3, "'c' has no destination"),
        ("source,destination\n,b\n", 2, "no source"),
        ("source,destination\na,b,c,d\n", 2, "a name that holds a comma"),
        ('source,destination\n"a\nb",c\n', 2, "control character U+000A"),
        ('source,destination\na,b\nc,"d\n', 3, "check the quotes"),
        ('source,destination\na,"b"c\n', 2, "check the quotes"),
        ("source,edit\na,remove\n", 2, "unknown edit 'remove'; known are"),
        ("source,edit\na,erse\n", 2, "did you mean 'erase'?"),
        ("source,destination,seed\na,b,1.5\n", 2, "whole number"),
        ("source,destination,seed\na,b,²\n", 2, "whole number"),
        (f"source,destination,seed\na,b,{'9' * 5000}\n", 2, "out of range"),
        ("source,destination,preserve\na,,maybe\n", 2, "write yes"),
        ("source,destination,preserve\na,b,yes\n", 2, "has no destination"),
        ("source,destination,edit,members\na,b,replace,c\n", 2, "takes no members"),
        ("source,edit,members\na,moderate,b | B\n", 2, "given twice"),
        ("source,preserve,from\na,yes,b\n", 2, "has no from"),
        ("source,edit,from\na,rectify,b\n", 2, "has no destination"),
        ("source,destination\na,b\nb,c\n", 2, "which is itself edited at"),
        ("source,destination,kind\na,b,objet\n", 2, "did you mean 'object'?"),
        ("source,destination\na,b\x00\n", 2, "; "),
        ("source,edit,destination\na,debias,one\n", 2, "two or more"),
    ],
)
def test_what_is_wrong_with_a_table(tmp_path: Path, content: str, line: int, says: str) -> None:
    with pytest.raises(PlanError) as caught:
        read(tmp_path, content)
    (found,) = caught.value.problems
    assert found.startswith(f"{tmp_path}/plan.csv:{line}: ")
    assert says in found


def test_every_bad_row_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        read(tmp_path, "source,destination,seed\na,,\nb,c,x\nd,e,\nD,f,\n")
    assert [problem.split(": ")[0][-1] for problem in caught.value.problems] == ["2", "3", "5"]
