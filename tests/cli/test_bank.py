"""Banks on the command line: what is withdrawn is as if it had never been asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from overpaint.patch import Patch
from tests.cli.conftest import Run, in_words


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    (tmp_path / "one.csv").write_text("source,destination\ndog,hen\n")
    (tmp_path / "two.csv").write_text("source,destination\npizza,cat\n")
    (tmp_path / "other.csv").write_text("source,destination\npizza,kitchen\n")
    (tmp_path / "apart.yaml").write_text("edits: [{erase: dog, from: hat}]\n")
    return tmp_path


def terms(model: Path) -> tuple[object, ...]:
    return ("--model", model, "--method", "emcid-copy", "--set", "captions=40", "--seed", 3)


def test_add_withdraw_replace_list_merge_and_fit(run: Run, model: Path, plans: Path) -> None:
    def patch(bank: str, out: str) -> str:
        run("bank", "fit", plans / bank, "--out", plans / out, "--no-evaluate")
        return Patch.load(plans / out / "patch.safetensors").hash

    assert "1 added, 1 in force" in run("bank", "add", plans / "a", plans / "one.csv", *terms(model)).stdout
    only = patch("a", "only")
    assert "1 added, 2 in force" in run("bank", "add", plans / "a", plans / "two.csv").stdout
    both = patch("a", "both")
    shown = run("bank", "list", plans / "a").stdout
    assert "replace dog with hen" in shown
    assert shown.count(" 1 ") >= 2  # a memory each
    assert "1 withdrawn, 1 in force" in run("bank", "withdraw", plans / "a", "pizza").stdout
    assert patch("a", "again") == only != both
    # a second machine
    run("bank", "add", plans / "b", plans / "two.csv", *terms(model))
    patch("b", "second")
    assert "1 edits and 1 memories are new" in run("bank", "merge", plans / "b", plans / "a").stdout
    assert patch("b", "merged") == both
    assert "1 replaced" in run("bank", "replace", plans / "b", plans / "other.csv").stdout
    assert patch("b", "replaced") not in (both, only)
    # memories are in the bank, not in the runs
    assert not (plans / "merged" / "bank").exists()
    assert len(list((plans / "b" / "bank").iterdir())) == 3
    assert json.loads((plans / "b" / "bank.json").read_text())["settings"]["batch"] == 1


def test_runs_share_the_memories_of_a_bank(run: Run, model: Path, plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--bank", plans / "shared", "--no-evaluate", *terms(model))
    run("edit", plans / "one.csv", "--out", plans / "first", *words)

    def fail(*args: object) -> None:
        raise AssertionError("learned twice")

    monkeypatch.setattr("overpaint.methods.emcid.learn.stage_one", fail)
    run("edit", plans / "one.csv", "--out", plans / "second", *words)
    one, two = (Patch.load(plans / name / "patch.safetensors").hash for name in ("first", "second"))
    assert one == two


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("list", "nowhere"), "no bank in nowhere"),
        (("add", "new", "one.csv", "--method", "emsid"), "did you mean 'emcid'"),
        (("add", "new", "one.csv", "--set", "stepz=4"), "did you mean 'steps'"),
        (("add", "new", "one.csv", "--method", "esd-x"), "esd-x has no way to replace"),
        (("add", "policy", "apart.yaml"), "emcid-copy has no way to erase a concept from another one"),
        (("replace", "policy", "apart.yaml"), "emcid-copy has no way to erase a concept from another one"),
        (("add", "policy", "two.csv", "--seed", "4"), "a bank of seed 3, not 4"),
        (("withdraw", "policy", "cat"), "no edit of it"),
        (("replace", "policy", "two.csv"), "add it"),
        (("merge", "policy", "nowhere"), "no run in nowhere"),
    ],
)
def test_mistakes_are_one_line(
    run: Run, model: Path, plans: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(plans)
    run("bank", "add", "policy", "one.csv", *terms(model))
    result = run("bank", *words, code=2)
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert not (plans / "new").exists()


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_says_what_would_be_asked_for_and_writes_nothing(run: Run, model: Path, plans: Path) -> None:
    def dry(*words: object) -> str:
        before = state(plans)
        told = in_words(run("bank", *words, "--dry-run").stdout)
        assert state(plans) == before
        assert not (plans / "new").exists()
        return told

    assert "edits to add 1 edits in force then 1" in dry("add", plans / "new", plans / "one.csv", *terms(model))
    run("bank", "add", plans / "a", plans / "one.csv", *terms(model))
    assert "edits to add 0 edits in force then 1" in dry("add", plans / "a", plans / "one.csv")
    assert "edits to add 1 edits in force then 2" in dry("add", plans / "a", plans / "two.csv")
    run("bank", "add", plans / "b", plans / "two.csv", *terms(model))
    run("bank", "fit", plans / "b", "--out", plans / "run", "--no-evaluate")
    # both say the same, so the second has nothing new
    told = dry("merge", plans / "a", plans / "b", plans / "run")
    assert "edits to take over 1 memories to take over 1 edits in force then 2" in told
    assert "edits to replace 1 edits in force then 1" in dry("replace", plans / "b", plans / "other.csv")
    told = dry("withdraw", plans / "b", "pizza")
    assert "edits to withdraw 1 concepts to preserve no longer 0 edits in force then 0" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "new", "one.csv", "--method", "emsid"), "did you mean 'emcid'"),
        (("add", "full", "one.csv"), "holds other files (thesis.txt)"),
        (("add", "policy", "two.csv", "--seed", "4"), "a bank of seed 3, not 4"),
        (("withdraw", "policy", "cat"), "no edit of it"),
        (("replace", "policy", "two.csv"), "add it"),
        (("merge", "policy", "nowhere"), "no run in nowhere"),
        (("merge", "policy", "first", "second"), "the bank has replace pizza with cat already"),
    ],
)
def test_a_dry_run_refuses_what_the_command_would(
    run: Run, model: Path, plans: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(plans)
    (plans / "full").mkdir()
    (plans / "full" / "thesis.txt").write_text("years of work")
    for bank, plan in (("policy", "one.csv"), ("first", "two.csv"), ("second", "other.csv")):
        run("bank", "add", bank, plan, *terms(model))
    before = state(plans)
    result = run("bank", *words, "--dry-run", code=2)
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert state(plans) == before
