"""From a plan's edits to pairs of a concept and its anchor, checked against the model before any work starts."""

from __future__ import annotations

from dataclasses import dataclass

from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError, PlanError
from overpaint.methods.checks import no_neutral_word
from overpaint.plan import Edit, Plan
from overpaint.plan.templates import KINDS
from overpaint.seeding import derive

__all__ = ["Ablation", "ablations_of"]


@dataclass(frozen=True)
class Ablation:
    """One concept that is to be predicted as another.

    Attributes:
        source: its phrase, c*.
        anchor: what it is predicted as, c.
        templates: with one ``{}`` each.
        seed: of all its randomness.
        at: where the plan asks for it, for messages.
    """

    source: str
    anchor: str
    templates: tuple[str, ...]
    seed: int
    at: str = ""

    def prompt(self, phrase: str, number: int) -> str:
        """The phrase in the template of picture ``number``."""
        return self.templates[number % len(self.templates)].replace("{}", phrase)


def ablations_of(text: TextEncoder, plan: Plan) -> list[Ablation]:
    """What the plan asks for; a moderated concept's members get its anchor one by one.

    Raises:
        PlanError: no anchor, or phrases that do not fit the text window; one line each.
    """
    problems: list[str] = []
    found: list[Ablation] = []
    for edit in plan.edits:
        anchor = edit.destination or KINDS[edit.kind].neutral
        if anchor is None:
            problems.append(no_neutral_word(edit, f"to predict {edit.source!r} as"))
            continue
        found += _of(plan, edit, anchor)
        for phrase in (*edit.edited, anchor):
            problems += _misfits(text, edit.prompts, phrase, edit.at)
    for index, name in enumerate(plan.preserve):
        problems += _misfits(text, plan.edits[0].prompts, name, plan.at(f"preserve.{index}"))
    if problems:
        raise PlanError(*dict.fromkeys(problems))
    return found


def _of(plan: Plan, edit: Edit, anchor: str) -> list[Ablation]:
    seed = derive(plan.seed, "ablation", edit.key) if edit.seed is None else edit.seed
    return [Ablation(name, anchor, edit.prompts, derive(seed, name), edit.at) for name in edit.edited]


def _misfits(text: TextEncoder, templates: tuple[str, ...], phrase: str, at: str) -> list[str]:
    try:
        for template in templates:
            text.locate(template, phrase)
    except BackboneError as error:
        return [f"{at}: {error}"]
    return []
