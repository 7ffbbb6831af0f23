"""What a plan asks of token states: each edited name's are to become a mixture of those of other phrases."""

from __future__ import annotations

from dataclasses import dataclass

from overpaint.backbone.reading import Reader
from overpaint.errors import BackboneError, PlanError
from overpaint.methods.checks import preserve_problems, unknown_factors
from overpaint.methods.closed_form.config import EditedConfig, UceConfig
from overpaint.methods.closed_form.shares import text_shares
from overpaint.methods.closed_form.tokens import destination_of
from overpaint.methods.emcid.tasks import templates_of
from overpaint.plan import Edit, Plan
from overpaint.plan.templates import KINDS

__all__ = ["Aim", "aims_of", "guide", "preserved_templates"]

BARE = ("{}",)


@dataclass(frozen=True)
class Aim:
    """``g = keep c + sum_k a_k e_k`` for the states c of a name, e_k of phrases.

    Attributes:
        source: the name.
        templates: prompts with one ``{}`` that it is met in.
        parts: phrases with their factors a_k; "" is nothing at all.
        keep: 1 where the name keeps its own state beside them (debias), else 0.
    """

    source: str
    templates: tuple[str, ...]
    parts: tuple[tuple[str, float], ...]
    keep: float = 0.0


def guide(edit: Edit) -> str:
    """The phrase that a name becomes: the destination or anchor, for an erasure else its kind's neutral word, else "".

    UCE erases styles towards "art" and objects, like whatever it moderates, towards the empty prompt.
    """
    neutral = KINDS[edit.kind].neutral if edit.action == "erase" else None
    return edit.destination or neutral or ""


def aims_of(reader: Reader, plan: Plan, config: EditedConfig) -> list[Aim]:
    """The plan's edits as aims, checked against the text window.

    Raises:
        PlanError: names that do not fit it, factors for what is not debiased; one line each.
    """
    problems: list[str] = []
    aims: list[Aim] = []
    for edit in plan.edits:
        templates = BARE if config.bare else edit.prompts
        try:
            for name in edit.edited:
                for template in templates:
                    found = reader.locate(template, name)
                    for phrase in edit.destinations or (guide(edit),):
                        destination_of(reader, template, phrase, config.tokens, found)
            aims += _aims(reader, edit, templates, config)
        except PlanError as error:
            problems += error.problems
        except BackboneError as error:
            problems.append(f"{edit.at}: {error}")
    problems += preserve_problems(reader, plan, preserved_templates(plan, config))
    problems += unknown_factors(plan, _factors(config))
    if problems:
        raise PlanError(*problems)
    return aims


def preserved_templates(plan: Plan, config: EditedConfig) -> tuple[str, ...]:
    """The prompts that preserved names are met in: those of the edits."""
    return BARE if config.bare else tuple(templates_of(plan))


def _aims(reader: Reader, edit: Edit, templates: tuple[str, ...], config: EditedConfig) -> list[Aim]:
    if edit.over is None:
        return [Aim(name, templates, ((guide(edit), 1.0),)) for name in edit.edited]
    factors = _factors(config).get(edit.source)
    if factors is None:
        now = text_shares(reader, edit, templates)
        factors = {name: share - now[name] for name, share in edit.over.items()}
    elif set(factors) != set(edit.over):
        wanted = ", ".join(map(repr, edit.over))
        raise PlanError(f"{edit.at}: settings.factors of {edit.source!r} must be of {wanted}; give one number for each")
    return [Aim(edit.source, templates, tuple(factors.items()), keep=1.0)]


def _factors(config: EditedConfig) -> dict[str, dict[str, float]]:
    return config.factors if isinstance(config, UceConfig) else {}
