"""Phrases are read once: what comes from the store is what was read."""

from __future__ import annotations

import pytest
import torch

from overpaint.methods import TransientStore
from overpaint.methods.words import read
from overpaint.methods.words.near import vectors_of
from tests.methods.tiny import tiny_backbone


def test_phrases_are_read_once_for_a_model_and_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, store, phrases = tiny_backbone(), TransientStore(), ["dog", "cat"]
    first = read.read_by(backbone, phrases, "photo of {}", store)
    torch.testing.assert_close(first, vectors_of(backbone.text, phrases, "photo of {}"))
    other = read.read_by(backbone, phrases, "{}", store)
    fewer = read.read_by(backbone, phrases[:1], "{}", store)
    assert not torch.equal(first, other)
    assert fewer.shape[0] == 1
    monkeypatch.setattr(read, "vectors_of", None)
    assert torch.equal(read.read_by(backbone, phrases, "photo of {}", store), first)
    assert torch.equal(read.read_by(backbone, phrases, "{}", store), other)
