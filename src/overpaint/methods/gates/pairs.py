"""In which prompts gates meet a source, and which prompt each is to become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from overpaint.backbone.subject import Subject
from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError
from overpaint.methods.emcid.tasks import Task, contexts_of
from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.words.phrases import mentions

__all__ = ["STYLE", "Met", "met"]

STYLE = "style"
"""The kind of edits that is met in company, and read from its own words on: what is drawn in it comes before."""


@dataclass(frozen=True)
class Met:
    """One prompt of a task's source.

    Attributes:
        task: its number.
        subject: where the source stands.
        goal: the prompt to become; its end is what counts.
        first: the first token at which gates open.
    """

    task: int
    subject: Subject
    goal: Subject
    first: int


def met(text: TextEncoder, tasks: Sequence[Task], config: GatesConfig) -> list[Met]:
    """All prompts of all tasks, in order: the plan's templates, contexts of things, and styled prompts of styles."""
    edited = [task.source for task in tasks]
    found: list[Met] = []
    for number, task in enumerate(tasks):
        for template in (*task.edit.prompts, *contexts_of([text], task, config.contexts)):
            subject = text.locate(template, task.source)
            first = subject.last if task.edit.kind == STYLE else subject.end
            found.append(Met(number, subject, _goal(text, task, template), first))
        if task.edit.kind != STYLE:
            continue
        for template, instead in config.styled.items():
            pair = _styled(text, task, template, [prompt for prompt in instead if not _names(prompt, edited)])
            if pair is not None:
                found.append(Met(number, *pair, pair[0].last))
    return found


def _goal(text: TextEncoder, task: Task, template: str) -> Subject:
    """That of the destination; without one, what is left of the prompt without a subject."""
    destination = task.concepts[0].destination
    return text.locate_empty(template) if destination is None else text.locate(template, destination)


def _styled(text: TextEncoder, task: Task, template: str, instead: Sequence[str]) -> tuple[Subject, Subject] | None:
    """A styled prompt and what it is to become; None if one does not fit the text window, or nothing is left."""
    anchor = task.edit.destination
    try:
        subject = text.locate(template, task.source)
        if anchor is not None:
            return subject, text.locate(template, anchor)
        return (subject, text.locate("{}", instead[0])) if instead else None
    except BackboneError:
        return None


def _names(prompt: str, edited: Sequence[str]) -> bool:
    return any(mentions(prompt, name) for name in edited)
