import numpy as np

from overpaint.emoji.recipe.duplicates import distances, duplicates
from overpaint.emoji.recipe.render import Pictures


def near(names: list[str], **pairs: float) -> np.ndarray:
    matrix = np.full((len(names), len(names)), np.inf, np.float32)
    for pair, value in pairs.items():
        a, b = (int(i) for i in pair.removeprefix("d").split("_"))
        matrix[a, b] = matrix[b, a] = value
    return matrix


def test_neutral_figure_stands_for_a_man_and_a_woman_who_look_the_same() -> None:
    names = ["person climbing", "man climbing", "woman climbing"]
    assert duplicates(names, near(names, d1_2=0.06), np.ones(3, bool)) == {1: 0, 2: 0}


def test_neutral_figure_goes_where_it_looks_like_the_woman() -> None:
    names = ["people with bunny ears", "men with bunny ears", "women with bunny ears"]
    assert duplicates(names, near(names, d0_2=0.05), np.ones(3, bool)) == {0: 2}


def test_the_longer_name_of_two_look_alikes_goes_and_things_need_a_closer_look() -> None:
    names = ["family", "family of man and boy", "devil", "angry devil"]
    people = np.array([True, True, False, False])
    assert duplicates(names, near(names, d0_1=0.06, d2_3=0.06), people) == {1: 0}


def test_distance_is_the_median_over_styles_and_sees_white_on_white() -> None:
    red, white, none = (255, 0, 0, 255), (255, 255, 255, 255), (0, 0, 0, 0)
    pixels = [red, red, white, red, white, none]
    rgba = np.array(pixels, np.uint8)[:, None, None].repeat(64, 1).repeat(64, 2)
    concept, style = np.array([0, 0, 0, 1, 1, 1], np.int16), np.array([0, 1, 2, 0, 1, 2], np.int8)
    matrix = distances(Pictures(rgba, concept, style), 3)
    assert np.isclose(matrix[0, 1], (2 / 3) ** 0.5)
    assert np.isinf(matrix[0, 0])
    assert np.isinf(matrix[0, 2])
