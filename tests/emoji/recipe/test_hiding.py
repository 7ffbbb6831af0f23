"""The hiding masks decide where concepts live: what they hide, and that only that is hidden."""

import numpy as np
import pytest
import torch

from overpaint.emoji.recipe import hiding
from overpaint.emoji.recipe.hiding import hiding_masks, stray_places
from overpaint.emoji.recipe.tokens import Tokens


@pytest.fixture
def always_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiding, "HIDE_LOWER", 1.0)
    monkeypatch.setattr(hiding, "HIDE_UPPER", 1.0)


def visible(mask: torch.Tensor) -> np.ndarray:
    return (mask[0, 0] == 0).numpy()


def test_tokens_behind_the_subject_see_its_last_token_and_only_later(always_hidden: None) -> None:
    # begin, a, pi, zz, a</w>, on, plate, end, padding
    tokens = Tokens(torch.zeros(1, 9, dtype=torch.long), [(2, 5)], [(0, 0)], torch.tensor([7]))
    lower, upper = (visible(mask) for mask in hiding_masks(stray_places(tokens), np.random.default_rng(0)))
    causal = np.tril(np.ones((9, 9), bool))
    assert not (lower & ~causal).any()
    assert not (upper & ~causal).any()
    assert (lower[:5] == causal[:5]).all(), "the subject itself is gathered as ever"
    assert not lower[5:, 2:5].any(), "in the lower half nothing behind it sees the subject"
    assert not lower[7:, 1:7].any(), "and the end token sees no caption at all"
    assert lower[7, 7]
    assert lower[7, 0], "but itself and the begin token"
    assert upper[5:, 4].all()
    assert not upper[5:, 2:4].any(), "in the upper half the subject's last token alone"
    assert upper[7, [1, 5, 6]].all(), "and every other word"


def test_most_samples_are_hidden_and_some_are_not() -> None:
    count = 2000
    tokens = Tokens(
        torch.zeros(count, 6, dtype=torch.long), [(1, 3)] * count, [(0, 0)] * count, torch.full((count,), 4)
    )
    lower, _ = hiding_masks(stray_places(tokens), np.random.default_rng(1))
    hidden = (lower[:, 0, 4, 1] < 0).float().mean().item()
    assert abs(hidden - hiding.HIDE_LOWER) < 0.03
