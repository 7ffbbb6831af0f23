"""From a plan's edits to pairs of a concept and its anchor, checked against the model before any work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from overpaint.backbone.text import TextEncoder
from overpaint.backbone.window import misfits
from overpaint.errors import PlanError
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.checks import no_neutral_word, preserve_problems
from overpaint.methods.styled import STYLE, fitting
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
        goals: of templates that say a style of something the prompt that each is predicted as; else none.
    """

    source: str
    anchor: str
    templates: tuple[str, ...]
    seed: int
    at: str = ""
    goals: tuple[str, ...] = ()

    def asked(self, number: int) -> str:
        """The concept in the template of picture ``number``."""
        return self._template(number).replace("{}", self.source)

    def anchored(self, number: int) -> str:
        """The prompt that picture ``number`` is drawn from: the anchor's, or a styled one's own."""
        if self.goals:
            return self.goals[number % len(self.goals)]
        return self._template(number).replace("{}", self.anchor)

    def _template(self, number: int) -> str:
        return self.templates[number % len(self.templates)]


def ablations_of(text: TextEncoder, plan: Plan, config: AblationConfig) -> list[Ablation]:
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
        styled = _styled(text, plan, edit, config)
        found += _of(plan, edit, anchor, styled)
        for phrase in () if styled else (*edit.edited, anchor):
            problems += misfits(text, edit.prompts, phrase, edit.at)
    problems += preserve_problems(text, plan, plan.edits[0].prompts)
    if problems:
        raise PlanError(*dict.fromkeys(problems))
    return found


def _styled(text: TextEncoder, plan: Plan, edit: Edit, config: AblationConfig) -> dict[str, str]:
    """What a style is learned from; nothing for things."""
    if edit.kind != STYLE:
        return {}
    edited = [name for other in plan.edits for name in other.edited]
    return fitting(text, config.styled, edit.edited, edited, edit.destination)


def _of(plan: Plan, edit: Edit, anchor: str, styled: Mapping[str, str]) -> list[Ablation]:
    seed = derive(plan.seed, "ablation", edit.key) if edit.seed is None else edit.seed
    templates, goals = tuple(styled) or edit.prompts, tuple(styled.values())
    return [Ablation(name, anchor, templates, derive(seed, name), edit.at, goals) for name in edit.edited]
