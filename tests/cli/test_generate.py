from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from overpaint.bench.grid import GAP
from tests.cli.conftest import Run, in_words
from tests.models import tiny_sd

CELL = 128 + GAP


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), dtype=int)


def generate(run: Run, model: Path, out: Path, *words: object) -> Path:
    run("generate", "a dog", "hen", "--model", model, "--seeds", "0..1", "--steps", 2, "--out", out, *words)
    return out


def test_a_row_per_prompt_and_a_column_per_seed(run: Run, model: Path, tmp_path: Path) -> None:
    image = pixels(generate(run, model, tmp_path / "grid.png"))
    assert image.shape[0] > 2 * CELL
    assert image.shape[1] > 2 * CELL
    cells = [image[-y - CELL + GAP : -y or None, -x - CELL + GAP : -x or None] for y in (8, 8 + CELL) for x in (8, 144)]
    assert all((a != b).any() for i, a in enumerate(cells) for b in cells[:i])


def test_the_same_words_give_the_same_file(run: Run, model: Path, tmp_path: Path) -> None:
    first, second = (generate(run, model, tmp_path / name) for name in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()


def test_a_patch_changes_the_pictures_and_scale_0_does_not(
    run: Run, model: Path, patch_file: Path, tmp_path: Path
) -> None:
    plain = pixels(generate(run, model, tmp_path / "plain.png"))
    patched = pixels(generate(run, model, tmp_path / "patched.png", "--patch", patch_file))
    nothing = pixels(generate(run, model, tmp_path / "nothing.png", "--patch", patch_file, "--scale", "0"))
    assert (plain != patched).any()
    assert (plain == nothing).all()


def test_the_patch_knows_its_model(run: Run, patch_file: Path, tmp_path: Path) -> None:
    run("generate", "a dog", "--patch", patch_file, "--steps", 2, "--out", tmp_path / "grid.png")
    assert (tmp_path / "grid.png").is_file()


def test_compare_draws_both(run: Run, model: Path, patch_file: Path, tmp_path: Path) -> None:
    single = pixels(generate(run, model, tmp_path / "single.png", "--patch", patch_file))
    both = pixels(generate(run, model, tmp_path / "both.png", "--patch", patch_file, "--compare"))
    assert both.shape[0] == single.shape[0] + 2 * CELL


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "grid.txt"), "not a picture"),
        (("--seeds", "3..x"), "not seeds"),
        (("--patch", "nowhere"), "nowhere: no such run or patch"),
        (("--model", "no-such-model"), "no-such-model"),
        (("--device", "gameboy"), "--device gameboy"),
        (("--steps", "5000", "--dry-run"), "5000 sampling steps: the model has 1000"),
        (("--scale", "nan"), "--scale nan: not a finite number"),
        (("--guidance", "inf"), "--guidance inf: not a finite number"),
        (("--compare",), "--compare: there is nothing to compare with"),
        (("--compare", "--dry-run"), "--compare: there is nothing to compare with"),
    ],
)
def test_what_cannot_be_is_one_line(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("generate", "a dog", "--model", model, *words, code=2)
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert not list(tmp_path.iterdir())


def test_a_seed_that_no_generator_takes_is_refused(run: Run, model: Path) -> None:
    output = in_words(run("generate", "a dog", "--model", model, "--seed", str(2**63), code=2).output)
    assert f"'--seed' / '-s': Input should be less than or equal to {2**63 - 1}" in output


def test_a_dry_run_counts_and_draws_nothing(run: Run, model: Path, patch_file: Path, tmp_path: Path) -> None:
    words = ("generate", "a dog", "hen", "--model", model, "--seeds", "0..1", "--steps", 5, "--patch", patch_file)
    for more, pictures, evaluations in ((("--compare",), 8, 80), (("--guidance", 0), 4, 20)):
        told = in_words(run(*words, *more, "--out", tmp_path / "x.png", "--dry-run").output)
        assert f"pictures to draw {pictures}" in told
        assert f"evaluations of the denoiser {evaluations}" in told
    assert not list(tmp_path.iterdir())
    tiny_sd(seed=3).save_pretrained(tmp_path / "other")
    wrong = ("generate", "a dog", "--model", tmp_path / "other", "--patch", patch_file, "--dry-run")
    assert "made for another model" in run(*wrong, code=2).stderr
