from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.cli.conftest import Run, in_words


def test_prints_a_row_per_block_and_writes_the_plot(run: Run, model: Path, tmp_path: Path) -> None:
    output = run("trace", "--model", model, "--pairs", 4, "--out", tmp_path / "trace.png").stdout
    assert "4 pairs in 12 prompts" in output
    rows = [line.split("│")[1].strip() for line in output.splitlines() if line.startswith("│")]
    assert [row for row in rows if row.isdigit()] == ["0", "1", "2"]
    assert Image.open(tmp_path / "trace.png").width > 300


def test_the_same_seed_traces_the_same_pairs(run: Run, model: Path, tmp_path: Path) -> None:
    words = ("trace", "--model", model, "--pairs", 3, "--out", tmp_path / "trace.png")
    assert run(*words).stdout == run(*words).stdout
    assert run(*words).stdout != run(*words, "--seed", 1).stdout


def test_a_name_that_is_no_picture_s_is_refused_before_anything_is_traced(run: Run, tmp_path: Path) -> None:
    result = run("trace", "--model", "no-such-model", "--out", tmp_path / "trace.csv", code=2)
    assert "trace.csv: not a picture; name a file that ends in .png, .jpg, .svg, .pdf or .webp" in in_words(
        result.stderr
    )


def test_an_encoder_is_traced_by_name(run: Run, model: Path, tmp_path: Path) -> None:
    words = ("trace", "--model", model, "--pairs", 2, "--out", tmp_path / "trace.png", "--encoder")
    assert "2 pairs" in run(*words, "text_encoder").stdout
    assert "there is text_encoder" in run(*words, "text_encoder_2", code=2).output


def test_a_dry_run_counts_and_traces_nothing(run: Run, model: Path, tmp_path: Path) -> None:
    words = in_words(run("trace", "--model", model, "--pairs", 4, "--out", tmp_path / "trace.png", "--dry-run").output)
    assert "prompts 12" in words
    assert "blocks that prompts pass 360" in words
    assert "memory, the loaded model" in words
    assert not list(tmp_path.iterdir())
