"""What Stage II does to a text tower, on a small one with the bundled model's tokenizer."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from overpaint.backbone.text import TextEncoder
from overpaint.emoji.captions import PAPER_TEMPLATES
from tests.bench.worlds import small_world
from tests.methods.tiny import penalties

PAIRS = (["dog", "pizza"], ["cat", "salad"])


@pytest.fixture
def text_space(script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    module = script("text_space")
    script("true_models")
    monkeypatch.setattr(module, "HOLD_OUTS", 6)
    monkeypatch.setattr(module, "Vocabulary", SimpleNamespace(load=small_world))
    return module


@pytest.fixture
def pipe(text_space: Any) -> Any:
    return sys.modules["true_models"].MODELS["tiny"](torch.float32)


@pytest.fixture
def text(pipe: Any) -> TextEncoder:
    return TextEncoder(pipe.text_encoder, pipe.tokenizer)


def test_a_row_for_each_width_number_and_lambda_and_what_nothing_moves_stays(
    text_space: Any, pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("text_encoder", "tokenizer"):
        getattr(pipe, part).save_pretrained(tmp_path / part)
    words = ["--edits", "1", "4", "--lambdas", "0.001", "1e9", "--blocks", "0", "1", "--captions", "30"]
    threads = str(torch.get_num_threads())
    said = ["text_space.py", "--model", str(tmp_path), *words, "--widths", "160", "--threads", threads]
    monkeypatch.setattr(sys, "argv", said)
    text_space.main()
    lines = [line for line in capsys.readouterr().out.splitlines()[2:] if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    own, wide = pipe.text_encoder.config.intermediate_size, 160
    asked = [(width, edits, weight) for width in (own, wide) for edits in (1, 4) for weight in ("0.001", "1e+09")]
    assert [(int(row[0]), int(row[1]), row[2]) for row in rows] == asked
    weak, strong = ([row for row in rows if row[2] == weight] for weight in ("0.001", "1e+09"))
    for row in strong:  # the ridge forbids any change
        assert {abs(float(share)) for cell in row[3:5] for share in cell.split("/")} == {0.0}
        assert (float(row[5]), row[6]) == (0.0, "0.0%")
    for one, four in (weak[:2], weak[2:]):  # hold-outs move, and more with more edits
        assert 0 < float(one[5]) < float(four[5])


@torch.no_grad()
def test_tails_are_the_models_own_states_from_the_end_token_on(text_space: Any, text: TextEncoder) -> None:
    names = ["dog", "fried shrimp"]
    found = text_space.tails(text, PAPER_TEMPLATES[0], names)
    for row, name in zip(found, names, strict=True):
        place = text.locate(PAPER_TEMPLATES[0], name)
        torch.testing.assert_close(row, text.encode([place.prompt])[0, place.end : place.end + 3])


def test_the_share_is_nil_for_sources_and_all_for_destinations(text_space: Any, text: TextEncoder) -> None:
    sources, destinations = PAIRS
    asked = {t: tuple(text_space.tails(text, t, names) for names in PAIRS) for t in PAPER_TEMPLATES}
    assert text_space.share(text, sources, asked) == "0.000 / 0.000"
    assert text_space.share(text, destinations, asked) == "1.000 / 1.000"


@torch.no_grad()
def test_an_edit_brings_the_last_token_to_the_destinations_state(text_space: Any, text: TextEncoder) -> None:
    sources, destinations = PAIRS
    settings = Namespace(blocks=[0, 1], contexts=0, positions="last", residual="stream", steady=0.0)
    c = penalties(text, range(2))

    def state(encoder: TextEncoder, name: str) -> Any:
        places = [encoder.locate(template, name) for template in PAPER_TEMPLATES]
        states = encoder.run(encoder.embed(encoder.tokenize([place.prompt for place in places])), 0, 2)
        return torch.stack([row[place.last] for row, place in zip(states, places, strict=True)]).mean(dim=0)

    edited = text_space.edit(text, sources, destinations, c, 1e-9, settings)
    for source, destination in zip(sources, destinations, strict=True):
        before, wanted = state(text, source), state(text, destination)
        assert float((state(edited, source) - wanted).norm()) < 0.05 * float((before - wanted).norm())
    assert not any(torch.equal(edited.fc2(block).weight, text.fc2(block).weight) for block in (0, 1))
    assert torch.equal(edited.fc2(2).weight, text.fc2(2).weight)
