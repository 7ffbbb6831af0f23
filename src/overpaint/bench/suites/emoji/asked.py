"""The pictures that the emoji suite's tasks ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from overpaint.bench.graders.emoji import BACKGROUND, STYLE
from overpaint.bench.metrics.reach import ceiling
from overpaint.bench.probes import UNKNOWN, Probe, of_destination, of_holdout, of_source
from overpaint.bench.suites.emoji.world import World
from overpaint.emoji.captions import PAPER_TEMPLATES, PROMPTS_PLAIN, fill, with_article
from overpaint.emoji.palette import BACKGROUND_WORDS, STYLE_WORDS, WHITE
from overpaint.plan import Edit
from overpaint.seeding import derive

__all__ = [
    "ALIASES",
    "CATEGORY",
    "FREE_FORM",
    "HOLD_OUTS",
    "KEPT",
    "NEIGHBOURS",
    "TEMPLATES",
    "aliases",
    "categories",
    "ceilings",
    "holdouts",
    "kept",
    "neighbours",
    "sources",
]

TEMPLATES, FREE_FORM, ALIASES, CATEGORY = "templates", "free form", "aliases", "category word"
NEIGHBOURS, HOLD_OUTS, KEPT = "neighbours", "hold-outs", "style and background"


def sources(world: World, edits: Iterable[Edit], group: str = TEMPLATES) -> list[Probe]:
    """What is edited, asked for in the plan's own templates, or in free sentences."""
    return [
        probe for edit in edits for probe in of_source(group, edit, _templates(world, edit, group), world.split_seed)
    ]


def ceilings(world: World, edits: Iterable[Edit], group: str = TEMPLATES) -> list[Probe]:
    """Their destinations by their own names, at the same seeds; drawn with the unedited model."""
    return [
        probe
        for edit in edits
        for probe in of_destination(
            ceiling(group), edit, edit.destinations[0], _templates(world, edit, group), world.split_seed
        )
    ]


def aliases(world: World, edits: Iterable[Edit]) -> list[Probe]:
    """What is edited, by other names that the model was taught and no edit mentions."""
    found = []
    for edit in edits:
        index = world.vocabulary.by_name.get(edit.source)
        taught = () if index is None else world.vocabulary.concepts[index].taught
        for alias in taught[: world.size.aliases]:
            labels = (edit.source, *edit.destinations)
            found.append(
                Probe(ALIASES, edit.key, fill(PROMPTS_PLAIN[0], alias), _seed(world, "alias", alias), labels, alias)
            )
    return found


def categories(world: World, edits: Iterable[Edit]) -> list[Probe]:
    """The word for the category of what is edited: "a fruit" is sometimes a pear."""
    found = []
    for edit in edits:
        index = world.vocabulary.by_name.get(edit.source)
        word = None if index is None else world.vocabulary.concepts[index].general
        for number in range(world.size.category if word else 0):
            prompt = fill(PROMPTS_PLAIN[number % len(PROMPTS_PLAIN)], word or "")
            seed = _seed(world, "category", edit.key, str(number))
            found.append(Probe(CATEGORY, edit.key, prompt, seed, (edit.source, *edit.destinations), word or ""))
    return found


def kept(world: World, edits: Iterable[Edit]) -> list[Probe]:
    """What is edited, in a named style on a named background: do these two stay?"""
    found = []
    for edit in edits:
        style = STYLE_WORDS[_seed(world, "style", edit.key) % len(STYLE_WORDS)]
        colours = [word for number, word in enumerate(BACKGROUND_WORDS) if number != WHITE]
        colour = colours[_seed(world, "colour", edit.key) % len(colours)]
        prompt = f"{fill(PROMPTS_PLAIN[0], edit.source)} in {style} style on {with_article(colour)} background"
        destination = edit.destinations[0] if edit.destinations else UNKNOWN
        labels = (edit.source, destination, STYLE + style, BACKGROUND + colour)
        found.append(Probe(KEPT, edit.key, prompt, _seed(world, "kept", edit.key), labels, edit.source))
    return found


def neighbours(world: World, edits: Sequence[Edit], plan: Sequence[Edit]) -> list[Probe]:
    """The nearest concepts in text space that the whole plan leaves alone."""
    if world.text is None or not world.size.neighbours:
        return []
    mentioned = {phrase for edit in plan for phrase in edit.phrases}
    left = {*world.names} - mentioned
    found = world.neighbourhood.nearest([edit.edited[0] for edit in edits], world.size.neighbours, left)
    names = dict.fromkeys(name for near in found.values() for name in near)
    return [
        probe
        for name in names
        for probe in of_holdout(NEIGHBOURS, name, PAPER_TEMPLATES[: world.size.holdout_templates], world.split_seed)
    ]


def holdouts(world: World, count: int | None = None) -> list[Probe]:
    """Concepts that no edit of any task mentions; a smaller count is a part of a larger one."""
    return [
        probe
        for name in world.holdouts[:count]
        for probe in of_holdout(HOLD_OUTS, name, PAPER_TEMPLATES[: world.size.holdout_templates], world.split_seed)
    ]


def _templates(world: World, edit: Edit, group: str) -> Sequence[str]:
    return world.free_form(edit.source) if group == FREE_FORM else edit.prompts


def _seed(world: World, *parts: str) -> int:
    return derive(world.split_seed, "emoji suite", *parts)
