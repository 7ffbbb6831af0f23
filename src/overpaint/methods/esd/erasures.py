"""From a plan's edits to what ESD is to learn, checked against the model before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.backbone.reading import Reader
from overpaint.backbone.window import misfits
from overpaint.errors import PlanError
from overpaint.methods.checks import preserve_problems
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.pictures import unreadable
from overpaint.methods.styled import STYLE, fitting
from overpaint.plan import Edit, Plan
from overpaint.seeding import derive

__all__ = ["NAME", "Erasure", "Texts", "erasures_of", "prompts_of", "templates_of"]

NAME = "{}"
"""The template that is the name alone."""


@dataclass(frozen=True)
class Erasure:
    """One concept to turn away from.

    Attributes:
        source: its phrase, X.
        given: the phrase whose prompts change, and from which trajectories are drawn: X, or Y where X goes from Y.
        base: the phrase whose prediction the target starts at: Y, an anchor, or None for the empty prompt.
        templates: with one ``{}`` each, to train with.
        checked: the same, to validate with: other noise on the plan's own templates, or on some of many.
        seed: of all its randomness.
        images: pictures whose noised latents stand in for trajectories.
        styled: of the templates that say the concept of something, each with the same prompt without it, whose
            prediction stands in for the empty prompt's.
    """

    source: str
    given: str
    base: str | None
    templates: tuple[str, ...]
    checked: tuple[str, ...]
    seed: int
    images: tuple[Path, ...] = ()
    styled: tuple[tuple[str, str], ...] = ()

    @property
    def apart(self) -> bool:
        """Whether it is erased from another concept, X from Y."""
        return self.given != self.source

    @property
    def name(self) -> str:
        """What is erased, for people."""
        return f"{self.source} from {self.given}" if self.apart else self.source

    @property
    def phrases(self) -> tuple[str, ...]:
        """All phrases that predictions are made for."""
        return tuple(dict.fromkeys((self.source, self.given, *([self.base] if self.base else []))))

    def prompts(self, phrase: str, checked: bool = False) -> list[str]:
        """The phrase in every template."""
        return [template.replace(NAME, phrase) for template in (self.checked if checked else self.templates)]

    def some(self, count: int, label: str) -> Erasure:
        """The same with so many of the templates to train with, by chance; other labels give others."""
        chosen = set(sorted(self.templates, key=lambda template: derive(self.seed, label, template))[:count])
        return replace(self, templates=tuple(template for template in self.templates if template in chosen))

    def without(self, checked: bool = False) -> list[str]:
        """What is left of every template without the concept: the empty prompt, or a styled one's own."""
        known = dict(self.styled)
        return [known.get(template, "") for template in (self.checked if checked else self.templates)]


class Texts:
    """Conditions of all prompts of a run, each encoded once; the empty one, as guidance uses it, is row 0.

    Attributes:
        conditions: (p), without gradients.
    """

    def __init__(self, backbone: Backbone, prompts: Sequence[str]) -> None:
        self._rows = {prompt: row for row, prompt in enumerate(dict.fromkeys(["", *prompts]))}
        named = list(self._rows)[1:]
        known = [backbone.encode(named)] if named else []
        self.conditions = Condition.join([backbone.unconditional(), *known])

    def rows(self, prompts: Sequence[str]) -> Tensor:
        """The prompts' row numbers (n,), int64 on the CPU."""
        return torch.tensor([self._rows[prompt] for prompt in prompts], dtype=torch.long)


def erasures_of(reader: Reader, plan: Plan, config: EsdConfig) -> list[Erasure]:
    """What the plan asks for; a moderated concept's members are erased one by one.

    Raises:
        PlanError: phrases that do not fit the text window, actions that erase nothing, pictures that cannot be read;
            one line each.
    """
    problems: list[str] = []
    erasures: list[Erasure] = []
    for edit in plan.edits:
        if edit.action not in ("erase", "moderate"):
            problems.append(f"{edit.at}: ESD only erases, it cannot {edit.action}; take another method, such as emcid")
            continue
        problems += unreadable(edit)
        if edit.within and config.eta == 0:
            problems.append(
                f"{edit.at}: with eta 0 nothing is erased from {edit.within!r}; give settings.eta a strength, such as 1"
            )
        found = _of(reader, plan, edit, config)
        erasures += found
        for erasure in found:
            # styled ones were chosen by whether they fit
            styled = dict(erasure.styled)
            plain = [t for t in dict.fromkeys((*erasure.templates, *erasure.checked)) if t not in styled]
            for phrase in erasure.phrases:
                problems += misfits(reader, plain, phrase, edit.at)
    problems += preserve_problems(reader, plan, templates_of(plan, config))
    if problems:
        raise PlanError(*dict.fromkeys(problems))
    return erasures


def prompts_of(erasures: Sequence[Erasure]) -> list[str]:
    """Every prompt that any prediction is made for."""
    prompts: list[str] = []
    for erasure in erasures:
        for checked in (False, True):
            prompts += erasure.without(checked)
            for phrase in erasure.phrases:
                prompts += erasure.prompts(phrase, checked)
    return prompts


def templates_of(plan: Plan, config: EsdConfig) -> tuple[str, ...]:
    """The templates that the plan's edits are trained with: preserved concepts are met in the same company."""
    if config.prompts == "name":
        return (NAME,)
    return tuple(dict.fromkeys(template for edit in plan.edits for template in edit.prompts))


def _of(reader: Reader, plan: Plan, edit: Edit, config: EsdConfig) -> list[Erasure]:
    seed = derive(plan.seed, "esd", edit.key) if edit.seed is None else edit.seed
    trained = (NAME,) if config.prompts == "name" else edit.prompts
    if edit.within is not None:
        return [Erasure(edit.source, edit.within, edit.within, trained, edit.prompts, seed, edit.images)]
    edited = [name for other in plan.edits for name in other.edited]
    styled = fitting(reader, config.styled, edit.edited, edited, edit.destination) if edit.kind == STYLE else {}
    trained, checked = ((*templates, *styled) for templates in (trained, edit.prompts))
    checked = tuple(sorted(checked, key=lambda t: derive(seed, "checked", t))[: config.validate_prompts])
    return [
        Erasure(name, name, edit.destination, trained, checked, derive(seed, name), edit.images, tuple(styled.items()))
        for name in edit.edited
    ]
