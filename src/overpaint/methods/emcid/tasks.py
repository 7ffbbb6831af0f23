"""From a plan's edits to the values that must be learned for them, checked against the model before any work starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from overpaint.backbone.text import TextEncoder
from overpaint.backbone.window import fits
from overpaint.errors import BackboneError, PlanError
from overpaint.methods.checks import no_neutral_word, preserve_problems, unknown_factors
from overpaint.methods.emcid.config import EmcidConfig, Objective
from overpaint.methods.emcid.context import lengths
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.pictures import unreadable
from overpaint.plan import Edit, Plan
from overpaint.plan.templates import KINDS
from overpaint.seeding import derive

__all__ = ["Task", "batches", "contexts_of", "tasks_of", "templates_of"]


@dataclass(frozen=True)
class Task:
    """A source with the concepts whose values it is made of and their mixture factors (one, 1.0, except to debias).

    A moderated concept and each of its members are sources of their own.
    """

    edit: Edit
    source: str
    concepts: tuple[Concept, ...]
    factors: tuple[float, ...]
    insisted: tuple[tuple[str, float], ...] = ()
    """By text encoder, how many times its conditions count; without those where it is once."""

    @property
    def early(self) -> dict[str, int]:
        """By text encoder, how many tokens before the source's last one its values stand; without those of none."""
        return dict(self.concepts[0].early)


def tasks_of(texts: Sequence[TextEncoder], plan: Plan, config: EmcidConfig) -> list[Task]:
    """The plan's edits as tasks, checked against the text encoders that are edited.

    Raises:
        PlanError: phrases that do not fit the text window, objectives that the settings cannot reach, pictures that
            cannot be read; one line each.
    """
    tasks: list[Task] = []
    problems: list[str] = []
    for edit in plan.edits:
        problems += unreadable(edit)
        try:
            found = [_task(plan, edit, source, config) for source in edit.edited]
            for task in found:
                for concept in task.concepts:
                    for text in texts:
                        lengths(text, concept)
        except PlanError as error:
            problems += error.problems
        except BackboneError as error:
            problems.append(f"{edit.at}: {error}")
        else:
            tasks += [_in_contexts(texts, task, config) for task in found]
    for text in texts:
        problems += preserve_problems(text, plan, templates_of(plan))
    problems += unknown_factors(plan, config.factors)
    if problems:
        raise PlanError(*dict.fromkeys(problems))
    return tasks


def templates_of(plan: Plan) -> list[str]:
    """The prompts that a plan's edits use: preserved concepts are met in the same company."""
    return list(dict.fromkeys(template for edit in plan.edits for template in edit.prompts))


def contexts_of(texts: Sequence[TextEncoder], task: Task, contexts: Sequence[str]) -> tuple[str, ...]:
    """The contexts for a task: all that leave room for each of its phrases, none for kinds that are no things."""
    if not KINDS[task.edit.kind].thing:
        return ()
    phrases = dict.fromkeys([task.source, *(c.destination for c in task.concepts if c.destination is not None)])
    further = [context for context in contexts if context not in task.edit.prompts]
    return tuple(c for c in further if all(fits(text, phrase, c) for text in texts for phrase in phrases))


def batches(text: TextEncoder, concepts: Sequence[Concept], conditioning: str, size: int) -> Iterator[list[int]]:
    """Indices of concepts that Stage I can take together, in batches of ``size`` at most.

    Alike are objective, number of prompts, having a destination and standing at the last token; for short conditioning
    the padded lengths too.
    """
    groups: dict[object, list[int]] = {}
    for index, concept in enumerate(concepts):
        shape = lengths(text, concept) if conditioning == "short" else None
        alike = (concept.objective, len(concept.prompts), concept.destination is None, bool(concept.early), shape)
        groups.setdefault(alike, []).append(index)
    for members in groups.values():
        yield from (members[i : i + size] for i in range(0, len(members), size))


def _task(plan: Plan, edit: Edit, source: str, config: EmcidConfig) -> Task:
    seed = derive(plan.seed, "emcid", edit.key) if edit.seed is None else edit.seed
    if source != edit.source:
        seed = derive(seed, source)
    if edit.over is not None:
        concepts = tuple(Concept(edit.source, name, edit.prompts, seed) for name in edit.over)
        factors = config.factors.get(edit.source, edit.over)
        if set(factors) != set(edit.over) or sum(factors.values()) <= 0:
            raise PlanError(
                f"{plan.at('settings.factors')}: {edit.source!r} needs a factor for each of"
                f" {', '.join(map(repr, edit.over))}, with a sum above 0"
            )
        total = sum(factors.values())
        return Task(edit, source, concepts, tuple(factors[name] / total for name in edit.over))
    destination, objective = _aim(edit, config)
    needs_phrase = config.settled(objective).values != "noise"
    if needs_phrase and (destination is None or objective != "destination"):
        forgets = edit.action in ("erase", "moderate")
        remedy = "give it an anchor (to: ...)" if forgets else "give it a destination phrase"
        raise PlanError(
            f"{edit.at}: values {config.values!r} of {source!r} need a phrase to learn from; {remedy},"
            " or take values: noise"
        )
    return Task(edit, source, (Concept(source, destination, edit.prompts, seed, objective, edit.images),), (1.0,))


def _in_contexts(texts: Sequence[TextEncoder], task: Task, config: EmcidConfig) -> Task:
    if not config.matches_states or config.states_in == "prompts":
        return task
    contexts = contexts_of(texts, task, config.contexts)
    return replace(task, concepts=tuple(replace(concept, contexts=contexts) for concept in task.concepts))


def _aim(edit: Edit, config: EmcidConfig) -> tuple[str | None, Objective]:
    """Destination phrase and objective of an edit with one value."""
    if edit.images and config.settled("images").values == "noise":
        return edit.destination, "images"
    if edit.action not in ("erase", "moderate"):
        return edit.destination, "destination"
    anchor = edit.destination or KINDS[edit.kind].neutral
    if config.erase == "esd" or (config.erase == "auto" and anchor is None):
        return None, "esd"
    if anchor is None:
        told = no_neutral_word(edit, f"to erase {edit.source!r} towards")
        raise PlanError(f"{told}, or take erase: auto")
    return anchor, "destination"
