"""Finds concepts that cannot be told apart by sight, so that no grader is asked to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from overpaint.emoji.recipe.render import Pictures, composite

__all__ = ["THRESHOLD", "THRESHOLD_PEOPLE", "distances", "duplicates", "unclear_genders"]

THRESHOLD = 0.05
"""Median over shared styles of the root mean square pixel difference (colours 0 to 1, 32x32) under which two concepts
are one.

Chosen by looking at the sorted pairs: right above it are a smiling and an angry devil (0.053) and the clock faces
(0.058 and up), which differ plainly."""

THRESHOLD_PEOPLE = 0.08
"""The same between two figures of people, whose versions (neutral, man, woman, other child) differ by a little hair."""


def distances(pictures: Pictures, count: int) -> NDArray[np.float32]:
    """(count, count) median over shared styles of the pixel distance; infinite where no style is shared.

    The larger one of the distances on white and on black counts: a white heart and a white tooth differ on black.
    """
    styles = int(pictures.style.max()) + 1
    by_style = np.full((styles, count, count), np.nan, np.float32)
    for style in range(styles):
        here = pictures.style == style
        index = np.ix_(pictures.concept[here], pictures.concept[here])
        on_white, on_black = (_pairwise(composite(pictures.rgba[here], (shade,) * 3)) for shade in (255, 0))
        by_style[style][index] = np.maximum(on_white, on_black)
    shared = ~np.isnan(by_style).all(0)
    median = np.full((count, count), np.inf, np.float32)
    median[shared] = np.nanmedian(by_style[:, shared], axis=0)
    np.fill_diagonal(median, np.inf)
    return median


def unclear_genders(names: Sequence[str], near: NDArray[np.float32]) -> dict[int, int]:
    """Of figures drawn as a person, a man and a woman, the concepts to drop, each with the one it looks like.

    Where man and woman look the same the neutral figure stands for both; where only the neutral one looks like one of
    them, it goes.
    """
    index = {name: i for i, name in enumerate(names)}
    dropped: dict[int, int] = {}
    for name, person in index.items():
        man, woman = (index.get(version) for version in _gendered(name))
        if man is None or woman is None:
            continue
        if near[man, woman] < THRESHOLD_PEOPLE:
            dropped |= {man: person, woman: person}
        elif min(near[person, man], near[person, woman]) < THRESHOLD_PEOPLE:
            dropped[person] = man if near[person, man] < near[person, woman] else woman
    return dropped


def duplicates(names: Sequence[str], near: NDArray[np.float32], people: NDArray[np.bool_]) -> dict[int, int]:
    """All concepts to drop, each with the one it looks like: `unclear_genders`, then the longer name of a close pair.

    Among names of one length the one with more look-alikes goes first: it settles more pairs at once.
    """
    dropped = unclear_genders(names, near)
    close = near < np.where(people[:, None] & people, THRESHOLD_PEOPLE, THRESHOLD)
    close[list(dropped), :] = close[:, list(dropped)] = False
    while close.any():
        worst = max(np.flatnonzero(close.any(0)).tolist(), key=lambda i: (len(names[i].split()), close[i].sum(), i))
        dropped[worst] = int(np.argmin(np.where(close[worst], near[worst], np.inf)))
        close[worst, :] = close[:, worst] = False
    return dropped


def _gendered(name: str) -> tuple[str, str]:
    """Names of the man's and the woman's version of a neutral figure, in the three ways that Unicode forms them."""
    first, _, rest = name.partition(" ")
    if first == "people":
        return f"men {rest}", f"women {rest}"
    figure = rest if first == "person" else name
    return f"man {figure}", f"woman {figure}"


def _pairwise(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Root mean square differences of pictures averaged down to 32x32, which forgives an edge moved by half a pixel."""
    count, size = len(images), images.shape[1] // 2
    small = images.reshape(count, size, 2, size, 2, 3).mean((2, 4), dtype=np.float32).reshape(count, -1) / 255
    product = small @ small.T
    square = np.diag(product)
    return np.sqrt(np.maximum(square[:, None] + square[None] - 2 * product, 0) / small.shape[1]).astype(np.float32)
