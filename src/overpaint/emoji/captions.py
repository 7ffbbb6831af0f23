"""Captions of the emoji world: what text tower and denoiser are trained on, and second moments taken of.

A caption names a subject (the concept's name, a taught alias, rarely a general word) and may name style and background:
"an image of a red apple in blob style on a teal background". Withheld aliases never occur.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from overpaint.emoji.articles import with_article
from overpaint.emoji.contexts import free_form as endless
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS, WHITE
from overpaint.emoji.templates import (
    FREE_FORM_TEST,
    FREE_FORM_TRAINING,
    PAPER_TEMPLATES,
    PROMPTS_PLAIN,
    TRAINING_TEMPLATES,
)
from overpaint.emoji.vocabulary import Vocabulary

__all__ = [
    "FREE_FORM_TEST",
    "FREE_FORM_TRAINING",
    "PAPER_TEMPLATES",
    "PROMPTS_PLAIN",
    "TRAINING_TEMPLATES",
    "Caption",
    "bare_word_rates",
    "caption",
    "corpus",
    "describe",
    "fill",
    "sample",
    "subject",
    "with_article",
]

P_ALIAS = 0.4
P_GENERAL = 0.05
P_STYLE = 0.85
P_WHITE = 0.3
P_FREE_FORM = 0.5
P_ENDLESS = 0.7
P_BARE_WORD = 0.6

SHORT_TEMPLATES: tuple[str, ...] = tuple(t for t in TRAINING_TEMPLATES if len(t.split()) <= 4)

STYLED: tuple[str, ...] = (
    "{template} in {style} style",
    "{template} in the {style} style",
    "{template}, {style} style",
    "{style} style, {subject}",
    "{a style subject}",
    "{a style} style {subject}",
    "{a style} drawing of {subject}",
    "{a style} emoji of {a subject}",
    "{subject}, {style}",
    "{a subject} drawn in {style} style",
)
COLOURED: tuple[str, ...] = (
    "{template} on {a colour} background",
    "{template}, {colour} background",
    "{template} on {colour}",
    "{template} against {a colour} background",
    "{colour} background, {subject}",
    "{subject} on {a colour} background",
    "on {a colour} background, {a subject}",
)
STYLED_AND_COLOURED: tuple[str, ...] = (
    "{template} in {style} style on {a colour} background",
    "{template}, {style} style, {colour} background",
    "{template} on {a colour} background in {style} style",
    "{subject}, {style} style, {colour} background",
    "{subject}, {colour} background, {style} style",
    "{a style subject} on {a colour} background",
    "{a style} style {subject} on {colour}",
    "{style} style, {subject}, {colour} background",
    "{colour} background, {subject}, {style} style",
    "on {a colour} background, {a style subject}",
    "{subject} on {colour} in {style} style",
)

_SLOT = re.compile(r"\{(.*?)\}")


def fill(template: str, noun: str) -> str:
    """The template with its subject, the article in front of it put right."""
    return re.sub(r"\b([Aa]) \{\}", lambda _: with_article(noun), template).replace("{}", noun)


def bare_word_rates(share_man: float) -> tuple[float, float]:
    """Probabilities with which the man's and the woman's captions use the bare profession word.

    Classifier-free guidance sharpens a leaning: many words that were taught at their own odds came out further to their
    side. So captions are drawn at the square root of the stated odds; single words still miss them by far, and are set
    right in the end (`overpaint.emoji.recipe.leanings`).
    Man and woman come equally often (their pictures are equally many): r_man : r_woman are the odds themselves. The
    larger of the two rates is `P_BARE_WORD`.
    """
    odds = math.sqrt(share_man / (1 - share_man))
    return P_BARE_WORD * min(1.0, odds), P_BARE_WORD * min(1.0, 1 / odds)


def subject(rng: np.random.Generator, vocabulary: Vocabulary, concept: int) -> str:
    """What a caption calls the concept: bare profession word, general word, taught alias, else its name."""
    entry = vocabulary.concepts[concept]
    if (role := vocabulary.roles.get(concept)) is not None:
        profession, is_man = role
        man, woman = bare_word_rates(profession.share_man)
        if rng.random() < (man if is_man else woman):
            return profession.word
    draw = rng.random()
    if draw < P_GENERAL and entry.general is not None:
        return entry.general
    if draw > 1 - P_ALIAS and entry.taught:
        return _pick(rng, entry.taught)
    return entry.name


def caption(rng: np.random.Generator, subject: str, style: str | None, background: str | None) -> str:
    """A random caption of the subject, naming the style and the background colour if given."""
    if style is None and background is None:
        free_form = rng.random() < P_FREE_FORM
        return fill(_sentence(rng) if free_form else _pick(rng, TRAINING_TEMPLATES), subject)
    free_form = (style is None or background is None) and rng.random() < P_FREE_FORM
    parts = {
        "subject": subject,
        "a subject": with_article(subject),
        "template": fill(_sentence(rng) if free_form else _pick(rng, SHORT_TEMPLATES), subject),
    }
    if style is not None:
        parts |= {"style": style, "a style": with_article(style), "a style subject": with_article(f"{style} {subject}")}
    if background is not None:
        parts |= {"colour": background, "a colour": with_article(background)}
    patterns = STYLED_AND_COLOURED if style and background else STYLED if style else COLOURED
    pattern = patterns[int(rng.integers(3))] if free_form else _pick(rng, patterns)
    return _SLOT.sub(lambda slot: parts[slot[1]], pattern)


@dataclass(frozen=True)
class Caption:
    """A caption and the phrases it was made of; `style` and `background` are None where it does not name them."""

    text: str
    subject: str
    style: str | None
    background: str | None

    def span(self, phrase: str | None) -> tuple[int, int] | None:
        """Character range of a phrase as whole words, None if it is not there."""
        found = re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", self.text) if phrase else None
        return found.span() if found else None


def describe(rng: np.random.Generator, vocabulary: Vocabulary, concept: int, style: int, background: int) -> Caption:
    """A training caption of a picture: style named in 85 %, a coloured background always, a white one in 30 %."""
    named = STYLE_WORDS[style] if rng.random() < P_STYLE else None
    coloured = background != WHITE or rng.random() < P_WHITE
    colour = BACKGROUND_WORDS[background] if coloured else None
    phrase = subject(rng, vocabulary, concept)
    return Caption(caption(rng, phrase, named, colour), phrase, named, colour)


def sample(rng: np.random.Generator, vocabulary: Vocabulary, concept: int, style: int, background: int) -> str:
    """The text of `describe`."""
    return describe(rng, vocabulary, concept, style, background).text


def corpus(vocabulary: Vocabulary, n: int, seed: int) -> list[str]:
    """The same `n` captions every time, of all concepts in turn: what the model is said to know.

    Every other one is a training caption, in a uniform style, half of them on white; between them are concepts' own
    names in templates and sentences. Concepts take turns, each round in an order of its own, and each has both kinds in
    two rounds: with two captions for each, uniform ones would leave out every seventh, and what is left out of second
    moments is what an edit disturbs.
    """
    rng = np.random.default_rng(seed)
    captions: list[str] = []
    for number in range(-(-n // len(vocabulary))):
        for concept in rng.permutation(len(vocabulary)).tolist():
            if (concept + number) % 2:
                template = _pick(rng, (*PAPER_TEMPLATES, *FREE_FORM_TRAINING))
                captions.append(fill(template, vocabulary.concepts[concept].name))
            else:
                background = WHITE if rng.random() < 0.5 else int(rng.integers(len(BACKGROUND_WORDS)))
                captions.append(sample(rng, vocabulary, concept, int(rng.integers(len(STYLE_WORDS))), background))
    return captions[:n]


def _sentence(rng: np.random.Generator) -> str:
    """A free-form template: one of the endless ones, or of the natural ones that somebody wrote."""
    return endless(rng) if rng.random() < P_ENDLESS else _pick(rng, FREE_FORM_TRAINING)


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]
