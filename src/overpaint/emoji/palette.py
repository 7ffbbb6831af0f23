"""The background colours and drawing styles of the emoji world, by the words that captions use for them.

White, and eleven colours that a small classifier can tell apart even behind a busy picture: far from each other in RGB,
and none of them pure black, so that outlines drawn in black stay visible on "black".
"""

from types import MappingProxyType
from typing import NamedTuple

__all__ = ["BACKGROUNDS", "BACKGROUND_WORDS", "STYLES", "STYLE_WORDS", "WHITE", "Style"]

BACKGROUNDS: MappingProxyType[str, tuple[int, int, int]] = MappingProxyType(
    {
        "white": (255, 255, 255),
        "red": (224, 32, 40),
        "orange": (255, 140, 0),
        "yellow": (255, 226, 40),
        "green": (40, 168, 60),
        "teal": (0, 150, 160),
        "blue": (40, 90, 225),
        "purple": (130, 50, 185),
        "pink": (255, 130, 190),
        "brown": (125, 75, 35),
        "gray": (145, 145, 145),
        "black": (24, 24, 24),
    }
)
"""Colour word to RGB in class order. White is the plain background, the rest are "coloured"."""

BACKGROUND_WORDS: tuple[str, ...] = tuple(BACKGROUNDS)
WHITE = BACKGROUND_WORDS.index("white")


class Style(NamedTuple):
    """A drawing style: the word that captions use and the icon package that is drawn in it."""

    word: str
    package: str


STYLES: tuple[Style, ...] = (
    Style("fluent", "@iconify-json/fluent-emoji"),
    Style("flat", "@iconify-json/fluent-emoji-flat"),
    Style("noto", "@iconify-json/noto"),
    Style("blob", "@iconify-json/noto-v1"),
    Style("twemoji", "@iconify-json/twemoji"),
    Style("emojione", "@iconify-json/emojione"),
)
"""The six styles in class order. One word each, so that "the style" has one subject token position as a concept has:
"fluent" is Microsoft's shaded 3D set, "flat" its flat sibling, "blob" the first Noto, known for its blob people."""

STYLE_WORDS: tuple[str, ...] = tuple(style.word for style in STYLES)
