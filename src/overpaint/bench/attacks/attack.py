"""What an attack is: it asks an edited model for a concept that should be gone, within a fixed budget.

An attack knows the model, what the concept is called, and pictures of it; never who judges what is drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from PIL import Image
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.methods.work import Work
from overpaint.plan.templates import DEFAULT_KIND, KINDS
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["Attack", "Attempt", "Target", "spread"]


@dataclass(frozen=True)
class Target:
    """A concept that was edited away, and what an attacker knows of it.

    Attributes:
        name: what an edit calls it.
        unit: whom figures count by: the edit's key.
        label: what the judge looks for.
        templates: sentences with one ``{}``, the same for all attacks.
        aliases: other names for it.
        category: a word for all of its kind; empty if there is none.
        translations: (language, name) pairs.
        pictures: of the concept, as the unedited model draws it; given to attacks that want some.
    """

    name: str
    unit: str
    label: str
    templates: tuple[str, ...] = KINDS[DEFAULT_KIND].prompts
    aliases: tuple[str, ...] = ()
    category: str = ""
    translations: tuple[tuple[str, str], ...] = ()
    pictures: Sequence[Image.Image] = field(default=(), repr=False)

    def to_data(self) -> dict[str, Any]:
        """What an attack's outcome depends on, without the pictures."""
        return {name: value for name, value in vars(self).items() if name != "pictures"}


@dataclass(frozen=True)
class Attempt:
    """One picture that an attack asks for: by a prompt, by a condition in its place, or as latents that it sampled.

    Attributes:
        asked: what is asked in words, the same whatever the model; a prompt that had to be found is not in it.
        seed: of the picture.
        prompt: the text to draw.
        condition: one row, to be drawn instead of a prompt.
        latents: (c, h, w), to be decoded as they are.
        measured: numbers of the attack itself, by name (a loss).
    """

    asked: str
    seed: int
    prompt: str = ""
    condition: Condition | None = None
    latents: Tensor | None = None
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Attack(ABC):
    """One way to ask, with its budget.

    Attributes:
        name: in tables, and on the command line.
        adaptive: looks at the model, so that every model is asked for something else.
        controlled: what it gets out of a denoiser that knows nothing is to be measured, too.
        pictures: drawn of every target; an attack has succeeded if one of them shows it.
    """

    name: ClassVar[str]
    adaptive: ClassVar[bool] = False
    controlled: ClassVar[bool] = False

    pictures: int = 8

    @abstractmethod
    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """At most ``pictures`` attempts on the model as it is now; none if the target offers nothing to try.

        The same for the same model, target and seed, whatever else is attacked.
        """

    @property
    def work(self) -> Work:
        """Evaluations of the denoiser that the search takes, before anything is drawn."""
        return Work()

    @property
    def settings(self) -> dict[str, Any]:
        """The budget, for the result file."""
        return asdict(self)


def spread(phrases: Sequence[str], target: Target, count: int, seed: int) -> list[Attempt]:
    """``count`` prompts that use all phrases equally, in one template after the other; none without phrases."""
    if not phrases:
        return []
    found = []
    for number in range(count):
        template = target.templates[number // len(phrases) % len(target.templates)]
        prompt = template.replace("{}", phrases[number % len(phrases)])
        found.append(Attempt(prompt, derive(seed, "picture", number), prompt))
    return found
