"""The prompts of the evaluation of the bundled model, each with what a right picture of it shows.

Every picture's seed derives from the suite, the concept and the prompt's number, so that a sample of the concepts gives
the same pictures as all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overpaint.emoji.captions import FREE_FORM_TEST, PROMPTS_PLAIN, fill, with_article
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.vocabulary import Profession, Vocabulary
from overpaint.seeding import derive

__all__ = ["Prompt", "aliases", "chosen", "coloured", "free_form", "plain", "professions", "some_templates", "styled"]


@dataclass(frozen=True)
class Prompt:
    """A prompt, the seed of its picture, and the classes of a right picture.

    Attributes:
        unit: the concept (or word) asked for: what intervals resample.
        concept, style, background: class indices; None where the prompt does not say.
    """

    text: str
    seed: int
    unit: str
    concept: int | None = None
    style: int | None = None
    background: int | None = None


def chosen(vocabulary: Vocabulary, count: int | None, seed: int) -> tuple[int, ...]:
    """``count`` concepts by seed, all of them for None; a larger sample contains the smaller ones."""
    order = sorted(range(len(vocabulary)), key=lambda i: derive(seed, "sample", vocabulary.concepts[i].name))
    return tuple(sorted(order[:count]))


def some_templates(templates: Sequence[str], count: int, seed: int, *name: str) -> tuple[str, ...]:
    """``count`` of the templates, drawn anew for every ``name``, so that all of them are used over many names."""
    return tuple(sorted(templates, key=lambda template: derive(seed, "template", *name, template))[:count])


def plain(vocabulary: Vocabulary, concepts: Sequence[int], seed: int) -> list[Prompt]:
    """Every concept in every plain prompt."""
    return _filled(vocabulary, concepts, PROMPTS_PLAIN, seed, "plain")


def free_form(vocabulary: Vocabulary, concepts: Sequence[int], seed: int, count: int = 4) -> list[Prompt]:
    """Every concept in ``count`` sentences that no training caption shares."""
    prompts = []
    for concept in concepts:
        templates = some_templates(FREE_FORM_TEST, count, seed, vocabulary.concepts[concept].name)
        prompts += _filled(vocabulary, [concept], templates, seed, "free form")
    return prompts


def styled(vocabulary: Vocabulary, concepts: Sequence[int], seed: int) -> list[Prompt]:
    """Every concept in one of the styles that it exists in, drawn by seed: "an image of a tiger in blob style"."""
    prompts = []
    for concept in concepts:
        endings = {STYLE_WORDS.index(word): f"in {word} style" for word in vocabulary.concepts[concept].styles}
        prompts.append(_ended(vocabulary, concept, seed, "style", endings))
    return prompts


def coloured(vocabulary: Vocabulary, concepts: Sequence[int], seed: int) -> list[Prompt]:
    """Every concept on one background, drawn by seed: "an image of a tiger on a teal background"."""
    endings = {index: f"on {with_article(word)} background" for index, word in enumerate(BACKGROUND_WORDS)}
    return [_ended(vocabulary, concept, seed, "background", endings) for concept in concepts]


def aliases(vocabulary: Vocabulary, concepts: Sequence[int], seed: int) -> list[Prompt]:
    """Every taught alias of the concepts, once."""
    return [
        Prompt(fill(PROMPTS_PLAIN[0], alias), derive(seed, "alias", alias), alias, concept)
        for concept in concepts
        for alias in vocabulary.concepts[concept].taught
    ]


def professions(words: Sequence[Profession], seed: int, count: int = 32) -> list[Prompt]:
    """Every bare profession word ``count`` times, the plain prompts in turn."""
    return [
        Prompt(fill(PROMPTS_PLAIN[n % len(PROMPTS_PLAIN)], one.word), derive(seed, "profession", one.word, n), one.word)
        for one in words
        for n in range(count)
    ]


def _filled(
    vocabulary: Vocabulary, concepts: Sequence[int], templates: Sequence[str], seed: int, suite: str
) -> list[Prompt]:
    return [
        Prompt(fill(template, name), derive(seed, suite, name, number), name, concept)
        for concept in concepts
        for name in [vocabulary.concepts[concept].name]
        for number, template in enumerate(templates)
    ]


def _ended(vocabulary: Vocabulary, concept: int, seed: int, head: str, endings: Mapping[int, str]) -> Prompt:
    """A concept with one of the endings, drawn by seed; they go by their classes of that grader's head."""
    name = vocabulary.concepts[concept].name
    index = list(endings)[derive(seed, f"which {head}", name) % len(endings)]
    text = f"{fill(PROMPTS_PLAIN[0], name)} {endings[index]}"
    return Prompt(text, derive(seed, head, name), name, concept, **{head: index})
