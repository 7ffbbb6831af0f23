"""What methods check of a plan beside its edits, before any work starts: one line per problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from overpaint.backbone.reading import Reader
from overpaint.backbone.window import misfits
from overpaint.plan import Edit, Plan

__all__ = ["lone_categories", "no_neutral_word", "preserve_problems", "unknown_factors"]


def lone_categories(plan: Plan) -> list[str]:
    """One line for each general concept that is moderated without anything that belongs to it."""
    return [
        f"{edit.at}: {edit.source!r} is moderated by its own name alone; say what belongs to it"
        f" (members: [...], on the command line --member)"
        for edit in plan.edits
        if edit.action == "moderate" and not edit.members
    ]


def no_neutral_word(edit: Edit, purpose: str) -> str:
    """That an erasure without an anchor has none by its kind either, for a purpose such as "to turn 'dog' into"."""
    missing = f"{edit.at}: kind {edit.kind!r} has no neutral word {purpose}"
    return f"{missing}; write to: a concept (on the command line --to CONCEPT)"


def preserve_problems(reader: Reader, plan: Plan, templates: Sequence[str]) -> list[str]:
    """Preserved names that do not fit the text window in one of the templates."""
    return [
        problem
        for index, name in enumerate(plan.preserve)
        for problem in misfits(reader, templates, name, plan.at(f"preserve.{index}"))
    ]


def unknown_factors(plan: Plan, factors: Iterable[str]) -> list[str]:
    """Names in ``settings.factors`` that the plan does not debias."""
    unknown = sorted(set(factors) - {e.source for e in plan.edits if e.action == "debias"})
    return [f"{plan.at('settings.factors')}: {name!r} is not debiased in this plan" for name in unknown]
