"""The nearest phrases of a concept, without those that say its name or a shorter phrase again."""

from __future__ import annotations

import torch

from overpaint.methods.words.near import Embedded, nearest, vectors_of
from tests.methods.tiny import tiny_text


def embedded(**vectors: tuple[float, float]) -> Embedded:
    made = Embedded([name.replace("_", " ") for name in vectors], torch.zeros(len(vectors), 2))
    made.vectors = torch.tensor([*vectors.values()])
    return made


def test_nearest_first_and_so_many() -> None:
    made = embedded(dog=(1.0, 0.0), hound=(0.9, 0.1), cat=(0.1, 0.9), puppy=(0.8, 0.2))
    assert nearest(made, ["dog"], 2) == {"dog": ("hound", "puppy")}
    assert nearest(made, ["dog"], 2, left={"hound"}) == {"dog": ("puppy", "cat")}


def test_the_name_itself_and_longer_phrases_are_left_out() -> None:
    made = embedded(
        dog=(1.0, 0.0),
        old_dog=(0.99, 0.0),
        old_hound=(0.9, 0.1),
        hound=(0.8, 0.2),
        hound_house=(0.7, 0.3),
        cat=(0.0, 1.0),
    )
    assert nearest(made, ["dog"], 3) == {"dog": ("hound", "cat")}


def test_vectors_are_those_of_the_encoder_about_their_mean() -> None:
    text = tiny_text()
    names = ["dog", "cat", "pizza"]
    made = Embedded(names, vectors_of(text, names, "photo of {}"))
    plain = text.embeddings(["photo of dog", "photo of cat", "photo of pizza"]).float()
    wanted = plain - plain.mean(dim=0)
    torch.testing.assert_close(made.vectors, wanted / wanted.norm(dim=1, keepdim=True))
