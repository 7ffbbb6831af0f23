"""Erasure of single concepts and of drawing styles, and moderation of whole categories."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

from overpaint.bench.graders.emoji import STYLE
from overpaint.bench.graders.grader import TOP_1
from overpaint.bench.metrics.accuracy import accuracy, accuracy_change
from overpaint.bench.metrics.neighbours import neighbour_damage
from overpaint.bench.probes import Probe
from overpaint.bench.results import Row
from overpaint.bench.suites.emoji import asked
from overpaint.bench.suites.emoji.asked import ALIASES, CATEGORY, FREE_FORM, NEIGHBOURS, TEMPLATES
from overpaint.bench.suites.emoji.rows import forgotten
from overpaint.bench.suites.emoji.world import World
from overpaint.bench.suites.suite import Findings, Part, Spec
from overpaint.emoji.captions import PAPER_TEMPLATES, PROMPTS_PLAIN, fill
from overpaint.emoji.palette import STYLE_WORDS
from overpaint.emoji.styled import shown
from overpaint.plan import Edit
from overpaint.seeding import derive

__all__ = ["erasure", "moderation", "style_erasure"]

MEMBERS, UNSTYLED = "members", "concept"
STYLE_TEMPLATES = ("{} style", "in {} style", "an emoji in {} style")
TOP = 1
"""Which of a styled picture's labels is whether its likeliest class is right."""
LEAST, MOST = 6, 30
"""Sizes of categories that are moderated."""


def erasure(world: World) -> Iterator[Spec]:
    """Concepts that have other names, each by a patch of its own and several by one: are they gone by every name?

    A concept that is erased by name may come back from a prompt that means it and does not say so: by a name that no
    edit mentions, or by the word for its category.
    """
    vocabulary = world.vocabulary
    several = [name for name in world.free if vocabulary.concepts[vocabulary.by_name[name]].taught]
    edits = [Edit(action="erase", source=name) for name in several]
    together = edits[: world.size.together]
    for count, batches, held in (
        (1, [[edit] for edit in edits[: world.size.singles]], world.size.single_holdouts),
        (len(together), [together], None),
    ):
        parts = []
        for batch in batches:
            probes = [
                *asked.sources(world, batch),
                *asked.sources(world, batch, FREE_FORM),
                *asked.aliases(world, batch),
                *asked.categories(world, batch),
                *asked.neighbours(world, batch, batch),
                *asked.holdouts(world, held),
            ]
            parts.append(Part((world.plan(batch, "erasure"),), tuple(probes)))
        rows = partial(forgotten, groups=(TEMPLATES, FREE_FORM, ALIASES, CATEGORY), edits=count)
        yield Spec(f"{world.method}/erasure/{count}", "erasure", count, tuple(parts), rows, world.method)


def style_erasure(world: World) -> Iterator[Spec]:
    """Drawing styles, each by a patch of its own: is it drawn where it is named, and what of concepts and other styles?

    Asked are concepts that exist in both styles and that methods are not shown. "templates" asks for the style,
    "concept" whether the same pictures show their concept, "neighbours" for another style.
    """
    order = sorted(STYLE_WORDS, key=lambda word: derive(world.split_seed, "erased style", word))
    parts = []
    for style in order[: world.size.styles]:
        edit = Edit(action="erase", source=style, kind="style", prompts=STYLE_TEMPLATES)
        other = order[-1] if style != order[-1] else order[0]
        drawn = (name for name in world.free if {style, other} <= _styles(world, name) and not shown(name))
        names = islice(drawn, world.size.styled)
        probes = [probe for name in names for probe in _styled(world, name, style, other)]
        held = (probe for probe in asked.holdouts(world) if not shown(probe.unit))
        probes += islice(held, world.size.single_holdouts * world.size.holdout_templates)
        parts.append(Part((world.plan([edit], "style"),), tuple(probes)))

    def rows(found: Findings) -> Iterator[Row]:
        yield from forgotten(found, (TEMPLATES,), 1)
        kept = neighbour_damage(found.sheet, UNSTYLED, found.judges.name)
        yield kept.model_copy(update={"metric": "concept kept"})
        for when in ("before", "after"):
            yield accuracy(found.sheet, TEMPLATES, found.judges.name, when, TOP)
        yield accuracy_change(found.sheet, UNSTYLED, found.judges.name, TOP)

    yield Spec(f"{world.method}/style erasure/1", "style erasure", 1, tuple(parts), rows, world.method)


def moderation(world: World, anchored: bool = False) -> Iterator[Spec]:
    """Whole categories, each by a patch of its own: gone whether a member or only the category is named?

    ``anchored``: each is to become another category, for methods that cannot do without.
    """
    vocabulary, known = world.vocabulary, set(world.names)
    sizes = {word: len(concepts) for word, concepts in vocabulary.by_general.items()}
    fitting = [word for word, size in sizes.items() if LEAST <= size <= MOST]
    order = sorted(fitting, key=lambda word: derive(world.split_seed, "moderated", word))
    parts = []
    for word in order[: world.size.categories]:
        members = [vocabulary.concepts[index].name for index in vocabulary.by_general[word]]
        anchor = next(other for other in reversed(order) if other != word) if anchored else None
        others = tuple(name for name in members if name != word)
        edit = Edit(action="moderate", source=word, members=others, destination=anchor)
        probes = [
            Probe(MEMBERS, name, fill(t, name), derive(world.split_seed, "member", name, t), (name,), name)
            for name in members
            if name in known
            for t in PAPER_TEMPLATES
        ]
        probes += [
            Probe(
                CATEGORY,
                f"{word} {number}",
                fill(PROMPTS_PLAIN[number % len(PROMPTS_PLAIN)], word),
                derive(world.split_seed, "category", word, number),
                (word,),
                word,
            )
            for number in range(2 * len(PROMPTS_PLAIN))
        ]
        probes += asked.neighbours(world, [edit], [edit])
        held = [p for p in asked.holdouts(world, world.size.single_holdouts) if p.unit not in members]
        parts.append(Part((world.plan([edit], "moderation"),), (*probes, *held)))
    rows = partial(forgotten, groups=(MEMBERS, CATEGORY), edits=1)
    yield Spec(f"{world.method}/moderation/1", "moderation", 1, tuple(parts), rows, world.method)


def _styles(world: World, name: str) -> set[str]:
    return set(world.vocabulary.concepts[world.vocabulary.by_name[name]].styles)


def _styled(world: World, name: str, style: str, other: str) -> Iterator[Probe]:
    """One concept in the erased style, graded for the style and for the concept, and in another style."""
    for group, word, label in (
        (TEMPLATES, style, STYLE + style),
        (UNSTYLED, style, name),
        (NEIGHBOURS, other, STYLE + other),
    ):
        prompt = f"{fill(PROMPTS_PLAIN[0], name)} in {word} style"
        seed = derive(world.split_seed, "styled", name, word)
        yield Probe(group, f"{name} in {style}", prompt, seed, (label, TOP_1 + label), f"{name}, {word}")
