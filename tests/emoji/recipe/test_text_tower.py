"""A caption's target is every picture that it truly describes, and no other."""

import numpy as np
import torch

from overpaint.emoji.captions import Caption
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.recipe.text_tower import Gallery


def test_a_caption_describes_every_picture_that_it_does_not_contradict() -> None:
    gallery = Gallery(np.array([0, 0, 1]), np.array([2, 3, 2]), np.array([0, 1, 0]), torch.zeros(3, 4))
    captions = [
        Caption("a cat", "cat", None, None),
        Caption(f"{STYLE_WORDS[3]} cat", "cat", STYLE_WORDS[3], None),
        Caption(f"a dog on {BACKGROUND_WORDS[0]}", "dog", None, BACKGROUND_WORDS[0]),
    ]
    assert gallery.described_by(captions, np.array([0, 0, 1])).tolist() == [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]]
