"""In which prompts gates meet a source, and which prompt each is to become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from overpaint.backbone.subject import Subject
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError
from overpaint.methods.emcid.tasks import Task, contexts_of
from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.styled import STYLE, goals

__all__ = ["PLACES", "Met", "met", "most_gates"]

PLACES = 4
"""Of a style's tokens: its own last one, those up to the end token, that, and what is behind it. What is missing there
differs, so each has a gate of its own: on the bundled model one for all leaves a third of it out, four a twelfth."""


@dataclass(frozen=True)
class Met:
    """One prompt of a task's source.

    Attributes:
        task: its number.
        subject: where the source stands.
        goal: the prompt to become; its end is what counts.
        first: the first token at which gates open.
        apart: whether each place has a gate of its own.
    """

    task: int
    subject: Subject
    goal: Subject
    first: int
    apart: bool


def met(text: TextEncoder, tasks: Sequence[Task], config: GatesConfig) -> list[Met]:
    """All prompts of all tasks, in order: the plan's templates, contexts of things, and styled prompts of styles."""
    edited = [task.source for task in tasks]
    return [one for number in range(len(tasks)) for one in _of(text, number, tasks[number], edited, config)]


def most_gates(tasks: Sequence[Task]) -> int:
    """How many gates tasks have at most."""
    return sum(PLACES if task.edit.kind == STYLE else 1 for task in tasks)


def _of(text: TextEncoder, number: int, task: Task, edited: Sequence[str], config: GatesConfig) -> Iterator[Met]:
    templates = (*task.edit.prompts, *contexts_of([text], task, config.contexts))
    pairs = [(text.locate(template, task.source), _goal(text, task, template)) for template in templates]
    style = task.edit.kind == STYLE
    if style:
        pairs += _styled(text, task, edited, config.styled)
    for subject, goal in pairs:
        yield Met(number, subject, goal, subject.last if style else subject.end, style)


def _goal(text: TextEncoder, task: Task, template: str) -> Subject:
    """That of the destination; without one, what is left of the prompt without a subject."""
    destination = task.concepts[0].destination
    return text.locate_empty(template) if destination is None else text.locate(template, destination)


def _styled(
    text: TextEncoder, task: Task, edited: Sequence[str], styled: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Subject, Subject]]:
    """Styled prompts, each with what it is to become; without those that do not fit the text window."""
    for template, goal in goals(styled, edited, task.edit.destination).items():
        try:
            yield text.locate(template, task.source), text.locate("{}", goal)
        except BackboneError:
            continue
