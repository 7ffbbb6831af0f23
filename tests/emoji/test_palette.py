from itertools import combinations

import numpy as np

from overpaint.emoji.palette import BACKGROUND_WORDS, BACKGROUNDS, STYLE_WORDS, STYLES, WHITE


def test_colours_are_far_apart() -> None:
    nearest = min(np.linalg.norm(np.subtract(a, b)) for a, b in combinations(BACKGROUNDS.values(), 2))
    assert nearest > 75
    assert BACKGROUNDS[BACKGROUND_WORDS[WHITE]] == (255, 255, 255)
    assert len(BACKGROUNDS) == 12


def test_styles_are_single_words_of_six_packages() -> None:
    assert len(set(STYLE_WORDS)) == len({style.package for style in STYLES}) == 6
    assert all(word.isalpha() and word.islower() for word in STYLE_WORDS)
    assert set(STYLE_WORDS).isdisjoint(BACKGROUND_WORDS)
