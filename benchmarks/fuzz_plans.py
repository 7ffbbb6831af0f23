"""Spoilt plans: what is read says the same in every spelling and after it was written again."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import yaml
from benchmarks.fuzz_kind import Files, Kind
from hypothesis import HealthCheck, Phase
from tests.plan.strategies import plans
from tests.plan.test_any_input import GOOD
from tests.spoiling import ODD, TEXT, as_json, retold, spoilt

from overpaint.cli.edit import overridden
from overpaint.errors import PlanError
from overpaint.methods import method_of
from overpaint.plan import Plan
from overpaint.plan.checks import concept
from overpaint.plan.words import asked

__all__ = ["kinds"]


class Quoting(yaml.SafeDumper):
    """Writes all text in quotes, which need no guessing of what a word is to a reader."""


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))

DRAWN = 100
"""Valid plans from hypothesis that trees are spoilt of."""


def kinds(seed: int, folder: Path) -> Iterator[Kind]:
    """Kinds of plans, with those of hypothesis from a seed."""
    pool = [plan.to_data() for plan in drawn(DRAWN, seed)]
    texts = {ending: [text.encode()] for ending, text in GOOD.items()}
    texts["yaml"] += [Plan.parse(data).write(folder / "plan.yaml").read_bytes() for data in pool]
    texts["json"] += [json.dumps(data).encode() for data in pool]
    yield Kind("plans, bytes", 22, lambda source: bytes_of(source, texts), judge)
    yield Kind("plans, trees", 14, lambda source: tree_of(source, pool), judge_tree)
    yield Kind("plans, tables", 8, table_of, judge_table)
    yield Kind("plans, hostile YAML", 6, hostile, judge)


def drawn(count: int, seed: int) -> list[Plan]:
    found: list[Plan] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(plans())
    def keep(plan: Plan) -> None:
        found.append(plan)

    keep()
    return found


def bytes_of(source: random.Random, texts: dict[str, list[bytes]]) -> Files:
    ending = source.choice(sorted(texts))
    return {f"plan.{ending}": spoilt(source, source.choice(texts[ending]), TEXT)}


def tree_of(source: random.Random, pool: list[dict[str, Any]]) -> Files:
    return {"plan.json": as_json(retold(source, source.choice(pool))).encode("utf-8", "surrogatepass")}


def table_of(source: random.Random) -> Files:
    """A table of few words, so that many rows are right and many contradict each other."""
    columns = ["source", "destination", "edit", "kind", "seed", "preserve", "from", "members"]
    usual = dict.fromkeys(columns, "") | source.choice([{"edit": "erase"}, {"destination": "dog"}])
    kept = list({"source", "edit", "destination", *source.sample(columns, source.randrange(8))})
    kept.sort(key=columns.index)
    source.shuffle(kept)
    words: dict[str, list[Any]] = {
        "source": [*(f"thing {i}" for i in range(40)), '"', "a,b", " c ", "x\ny", "É", "E\u0301"],
        "destination": ["dog", "cat", "man | woman", ""],
        "edit": ["", "replace", "erase", "moderate", "debias", "Erase"],
        "kind": ["style", "object", "fact"],
        "seed": ["7", "007", "-1", "9" * 30, "٣", "1e3"],
        "preserve": ["yes", "no", "maybe"],
        "from": ["cowboy"],
        "members": ["sword | axe", "|"],
    }
    text = io.StringIO()
    writer = csv.writer(text, quoting=source.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    writer.writerow(kept)
    for _ in range(source.randrange(1, 5)):
        row = {column: source.choice(words[column]) if source.random() < 0.2 else usual[column] for column in columns}
        row["source"] = source.choice(words["source"])
        if source.random() < 0.05:
            row[source.choice(columns)] = source.choice(ODD)
        writer.writerow([row[column] for column in kept])
    return {"plan.csv": text.getvalue().encode("utf-8", "surrogatepass")}


def hostile(source: random.Random) -> Files:
    """YAML that costs much, means much, or is meant to run."""
    number = source.choice((2, 9, 23, 24, 25, 60, 300))
    length = source.choice((9, 300, 5000))
    width = source.choice((2, 9, 40))
    tag = source.choice(("!!python/object/apply:os.system", "!!int", "!!set", "!!binary", "!x", "!!map", "!!str", "!"))
    bomb = "".join(f"- &a{i} [{', '.join([f'*a{i - 1}'] * width) if i else 'x'}]\n" for i in range(number % 30))
    texts = [
        f"edits:\n- erase: x\nsettings: {{a: {'[' * number}{']' * number}}}\n",
        f"edits: {'{a: ' * number}1{'}' * number}\n",
        f"edits: [{{erase: x}}]\nsettings:\n  bomb:\n{''.join(f'  {line}' + chr(10) for line in bomb.splitlines())}",
        f"{bomb}\n",
        f"edits: &e [*e, {{erase: x}}]\nseed: {number}\n",
        f"edits: [{{erase: {tag} x}}]\nseed: {tag} 1\n",
        f"{tag} {{edits: [{{erase: x}}]}}\n",
        "base: &b {erase: x}\nedits: [{<<: *b, kind: style}]\n",
        f"edits: [{{erase: x, erase: y}}]\n{'seed: 1' + chr(10) * number}seed: 2\n",
        f"edits: [{{erase: {'é' * length}}}]\nseed: {'9' * length}\n",
        f"edits: [{{erase: x}}]\nsettings: {{a: .inf, b: 0x{number}, c: 1{'0' * number}.5e{number}}}\n",
        f"edits: [{{erase: x}}]\nsettings: {{a: {'9' * length}, d: 0.{'0' * number}5e{number}, ? e : f}}\n",
        f"edits: [{{debias: x, over: {{man: 1e-{number}, woman: {'0.' + '9' * number}}}}}]\n",
        f"%YAML 1.{width}\n%TAG ! tag:{number},\n---\nedits: [{{erase: x}}]\n...\n---\nedits: []\n",
        "edits:\n" + "".join(f"- {{erase: x{i}}}\n" for i in range(number)),
        "edits:\n" + "".join(f"- {{replace: x{i}, with: x{i + 1}}}\n" for i in range(number % 100)),
        f"? {'[' * (number % 40)}{']' * (number % 40)}\n: 1\nedits: [{{erase: x}}]\n",
        f"edits: table.csv\nseed: {number}\n",
        f"edits: {'../' * width}etc/passwd.csv\n",
        f"edits: |\n{'  x' + chr(10) * number}  y\n",
        f'edits: [{{erase: x, images: [{"../" * width}x.png, "\\0.png", /dev/zero, .]}}]\n',
        f'edits: [{{erase: "{chr(92)}u{number:04d}{chr(92)}x{width:02d}"}}]\n',
        f"edits: [{{erase: x, prompts: ['{'{}' * (number % 4)}', \"{'a' * length} {{}}\"]}}]\n",
    ]
    text = source.choice(texts).encode()
    files = {"plan.yaml": text if source.random() < 0.8 else spoilt(source, text, TEXT)}
    if source.random() < 0.5:
        files["table.csv"] = table_of(source)["plan.csv"]
    return files


def judge(folder: Path) -> None:
    (path,) = folder.glob("plan.*")
    plan = Plan.read(path)
    check(plan, folder)
    if path.suffix == ".json":
        same_as_json(plan, path)


def judge_tree(folder: Path) -> None:
    """JSON, YAML and Python data give one plan or none."""
    path = folder / "plan.json"
    try:
        data = json.loads(path.read_bytes())
        text = yaml.dump(data, Dumper=Quoting, sort_keys=False)
    except RecursionError:
        Plan.read(path)
        raise AssertionError("a plan that is nested too deep was read") from None
    (folder / "same.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    ways: list[Callable[[], Plan]] = [lambda: Plan.read(path), lambda: Plan.read(folder / "same.yaml")]
    if isinstance(data, dict):
        ways.append(lambda: Plan.parse(data, folder=folder))
    found = [read_or_refused(way) for way in ways]
    assert len({one is None for one in found}) == 1, f"read one way, refused another: {found}"
    plan = Plan.read(path)
    assert all(one == plan for one in found), "two spellings give two plans"
    check(plan, folder)


def judge_table(folder: Path) -> None:
    path = folder / "plan.csv"
    plan = Plan.read(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
    asked_for = [row for row in rows if any(str(cell or "").strip() for cell in row.values())]
    kept = [(row.get("preserve") or "").strip() == "yes" for row in asked_for]
    sources = [concept(row["source"]) for row, keep in zip(asked_for, kept, strict=True) if not keep]
    assert [edit.source for edit in plan.edits] == sources
    for edit, row in zip(plan.edits, (row for row, keep in zip(asked_for, kept, strict=True) if not keep), strict=True):
        assert edit.action == ((row.get("edit") or "").strip().lower() or "replace")
        assert edit.kind == ((row.get("kind") or "").strip() or "object")
        assert edit.seed == (int(said) if (said := (row.get("seed") or "").strip()) else None)
    check(plan, folder)


def read_or_refused(read: Callable[[], Plan]) -> Plan | None:
    try:
        return read()
    except PlanError:
        return None


def check(plan: Plan, folder: Path) -> None:
    """It says the same when written and read again, and what the commands do with it first goes well."""
    assert Plan.parse(plan.to_data()) == plan
    for ending in ("yaml", "json"):
        again = Plan.read(plan.write(folder / f"again.{ending}"))
        assert again == plan, f"not the same after it was written as {ending}"
        assert again.fingerprint() == plan.fingerprint()
    assert all(asked(edit) for edit in plan.edits)
    assert overridden(plan).edits == plan.edits
    with suppress(PlanError):
        method_of(plan)


class Written(float):
    """A number that knows how it was written: names of numbers stay as they are."""

    text: str

    def __new__(cls, text: str) -> Written:
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text


def same_as_json(plan: Plan, path: Path) -> None:
    """What Python's own reader of JSON finds in it is the same plan; where it finds no JSON, YAML is read more."""
    try:
        data = json.loads(path.read_text("utf-8-sig"), parse_float=Written)
    except ValueError:
        return
    assert Plan.parse(data, folder=path.parent) == plan, "YAML's reader and JSON's find two plans"
