"""Builds the vocabulary that ships with the package: `python -m overpaint.emoji.recipe.vocabulary WORK`."""

import argparse
import logging
from pathlib import Path

import numpy as np

import overpaint.emoji.vocabulary as shipped
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS
from overpaint.emoji.recipe.aliases import bare, keywords, odd_keywords, split, unique
from overpaint.emoji.recipe.catalogue import Candidate, IconSet, candidates, icon_sets
from overpaint.emoji.recipe.duplicates import distances, duplicates
from overpaint.emoji.recipe.names import natural, plain
from overpaint.emoji.recipe.render import draw_all
from overpaint.emoji.recipe.sources import fetch
from overpaint.emoji.recipe.tables import GENERAL, PROFESSIONS, SPECIAL_GENERAL
from overpaint.emoji.templates import FREE_FORM_TEST, FREE_FORM_TRAINING, TRAINING_TEMPLATES
from overpaint.emoji.vocabulary import Concept, Profession, Vocabulary
from overpaint.files import write_text_atomic

__all__ = ["build"]

logger = logging.getLogger(__name__)


def build(work: Path) -> Vocabulary:
    """Vocabulary of all that can be told apart, sorted by name: the same in every run.

    Of 1,616 emoji without skin tone that at least four sets draw, 30 neutral figures of professions make room for their
    man and woman versions, and 38 more go because they look like another one (see `duplicates`): 1,548 stay.

    Raises ValueError if two concepts have one name, or a profession has no picture.
    """
    npm = fetch(work)
    sets = icon_sets(npm)
    neutral = {*PROFESSIONS, *(f"person {figure}" for figure, _ in PROFESSIONS.values())}
    found = [c for c in candidates(npm, sets) if natural(c.label) not in neutral]
    kept = sorted(_distinct(found, sets), key=lambda c: natural(c.label))
    names = [natural(c.label) for c in kept]
    if len(set(names)) < len(names):
        raise ValueError(f"two concepts with one name: {sorted({n for n in names if names.count(n) > 1})}")
    aliases = split(names, _aliases(names, [c.emoji for c in kept], npm))
    concepts = tuple(
        Concept(name, c.key, c.emoji, c.group, c.subgroup, _general(c, name, set(names)), _styles(c), taught, withheld)
        for name, c, (taught, withheld) in zip(names, kept, aliases, strict=True)
    )
    professions = tuple(
        Profession(word, f"man {figure}", f"woman {figure}", share) for word, (figure, share) in PROFESSIONS.items()
    )
    missing = {name for p in professions for name in (p.man, p.woman)}.difference(names)
    if missing:
        raise ValueError(f"professions without a picture: {sorted(missing)}")
    return Vocabulary(concepts, professions)


def _aliases(names: list[str], emojis: list[str], npm: Path) -> list[tuple[str, ...]]:
    words = keywords(npm)
    templates = plain(" ".join((*TRAINING_TEMPLATES, *FREE_FORM_TRAINING, *FREE_FORM_TEST))).split()
    reserved = {*PROFESSIONS, *GENERAL.values(), *templates}
    forbidden = {*BACKGROUND_WORDS, *STYLE_WORDS, *odd_keywords()}
    return unique(names, [words[bare(emoji)] for emoji in emojis], reserved, forbidden)


def _distinct(found: list[Candidate], sets: tuple[IconSet, ...]) -> list[Candidate]:
    names = [natural(c.label) for c in found]
    people = np.array([c.group == "people-body" for c in found])
    dropped = duplicates(names, distances(draw_all(found, sets), len(found)), people)
    for index, like in dropped.items():
        logger.info("dropped %r: looks like %r", names[index], names[like])
    return [c for index, c in enumerate(found) if index not in dropped]


def _styles(candidate: Candidate) -> tuple[str, ...]:
    return tuple(STYLE_WORDS[style] for style in sorted(candidate.icons))


def _general(candidate: Candidate, name: str, names: set[str]) -> str | None:
    word = SPECIAL_GENERAL.get(name, GENERAL.get(candidate.subgroup))
    return None if word in names else word


def main() -> None:
    """Write the asset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    logging.basicConfig(level=logging.INFO)
    vocabulary = build(parser.parse_args().work)
    target = write_text_atomic(Path(shipped.__file__).with_suffix(".json"), vocabulary.to_json())
    logger.info("wrote %d concepts to %s", len(vocabulary), target)


if __name__ == "__main__":
    main()
