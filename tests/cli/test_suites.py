from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overpaint.backbone.parameters import resolve
from overpaint.bench.results import Result
from overpaint.bench.suites.emoji.unmentioned import mentioned
from overpaint.emoji.vocabulary import Vocabulary
from overpaint.methods.emcid import penalties
from tests.cli.conftest import FC2, Run, in_words, number
from tests.models import tiny_sd

pytestmark = pytest.mark.usefixtures("small_emoji")


@pytest.fixture
def words(tmp_path: Path, model: Path, known_scores: Path) -> tuple[object, ...]:
    options = ("--set", "captions=20", "--scores", known_scores, "--out", tmp_path / "out", "--quick")
    return ("bench", "emoji", "--model", model, "--method", "emcid-copy", "--device", "cpu", *options)


def test_the_emoji_suite_leaves_tables_a_result_and_a_page(run: Run, tmp_path: Path, words: tuple[object, ...]) -> None:
    output = run(*words, "--task", "replacement").stdout
    assert "emcid-copy/replacement/2: model" in output
    result = Result.read(tmp_path / "out" / "result.json")
    assert result.complete
    assert result.split == "test"
    assert result.provenance["model_fingerprint"]
    item = result.cases[0].items[0]
    assert item.before is not None
    assert result.image(tmp_path / "out" / "result.json", item.before).is_file()
    assert any(path.suffix == ".html" for path in (tmp_path / "out").iterdir())


def test_methods_are_compared_on_edits_of_a_size_that_was_asked_for(
    run: Run, tmp_path: Path, words: tuple[object, ...], small_emoji: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same pairs, pictures before and ceilings; second moments are gathered once, of captions without hold-outs."""
    seen: list[list[str]] = []
    gathered = penalties.key_moments

    def noted(text: Any, captions: list[str], *more: Any, **named: Any) -> Any:
        seen.append(captions)
        return gathered(text, captions, *more, **named)

    monkeypatch.setattr(penalties, "key_moments", noted)
    sizes = ("--task", "replacement", "-n", 3, "--draw", 2, "--holdouts", 4, "--free-form", 2)
    methods = ("--method", "emcid", "--set", "steps=1", "--set", "image_steps=1", "--near", "--unmentioned")
    run(*words, *sizes, *methods)
    result = Result.read(tmp_path / "out" / "result.json")
    copied, learned = result.cases
    assert [case.name for case in result.cases] == ["emcid-copy/replacement/3", "emcid/replacement/3"]
    pairs = [[(edit["replace"], edit["with"]) for edit in (case.plan or {})["edits"]] for case in result.cases]
    assert pairs[0] == pairs[1]
    groups = {concept.name: concept.subgroup for concept in small_emoji.concepts}
    assert all(groups[source] == groups[destination] for source, destination in pairs[0])
    for group in ("templates", "free form"):
        assert copied.row("ceiling C", group) == learned.row("ceiling C", group)
    assert [item.before for item in copied.items] == [item.before for item in learned.items]
    assert copied.row("hold-out change", "hold-outs").figure.count == 4
    assert len({item.prompt for item in copied.items if item.group == "free form"}) == 2 * 2
    (captions,) = seen
    assert len(captions) == 20
    held = {item.unit for item in copied.items if item.group == "hold-outs"}
    assert not mentioned(captions, sorted(held))


def test_a_dry_run_counts_and_draws_nothing(run: Run, tmp_path: Path, words: tuple[object, ...]) -> None:
    told = in_words(run(*words, "--task", "replacement", "--dry-run").stdout)
    assert "cases 1, of which 0 are finished" in told
    assert "edits to fit 2 in 1 plans" in told
    fc2 = resolve(tiny_sd(), FC2).numel()
    assert int(number(told, "weights that change")) % fc2 == 0
    # before and after, two batches of eight each, filled up
    assert 3 * 8 >= number(told, "pictures to draw") > 2 * 8
    assert number(told, "evaluations of the denoiser") == 2 * 20 * 4 * 8
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--task", "nonsense"), "--task nonsense: unknown"),
        (("--split", "training"), "validation and test"),
        (("--scores", "nowhere.json"), "nowhere.json: no scores"),
        (("--method", "emsid"), "error: --method: no method is called 'emsid'; did you mean 'emcid"),
        (("--method", "emcid", "--set", "stepz=1"), "error: --set: emcid-copy has no setting 'stepz'"),
        (("--unmentioned", "--captions", "some.txt"), "leave --captions and --run out"),
    ],
)
def test_mistakes_are_one_line(run: Run, words: tuple[object, ...], more: tuple[str, ...], message: str) -> None:
    assert message in run(*words, *more, code=2).stderr


def test_published_suites_want_one_method_or_a_run(run: Run, tmp_path: Path) -> None:
    assert "say one --method, or --run" in run("bench", "iceb", "--data", tmp_path, code=2).stderr
    wrong = run("bench", "iceb", "--data", tmp_path, "--method", "emdic", code=2).stderr
    assert wrong == "error: --method: no method is called 'emdic'; did you mean 'emcid'?\n"
    (tmp_path / "plan.yaml").write_text("edits: [{erase: pizza}]\nmethod: emdic\n")
    wrong = run("bench", "coco", "--data", tmp_path, "--plan", tmp_path / "plan.yaml", code=2).stderr
    assert wrong.startswith(f"error: {tmp_path}/plan.yaml:2: no method is called 'emdic'")
    assert "not there; point --data" in run("bench", "iceb", "--data", tmp_path, "--method", "emcid", code=2).stderr
