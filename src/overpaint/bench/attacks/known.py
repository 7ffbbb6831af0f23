"""What attackers know of concepts beside their names: from a file, or from whoever calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from overpaint.bench.attacks.attack import Target
from overpaint.bench.probes import Probe, of_holdout
from overpaint.errors import OverpaintError
from overpaint.plan import Edit, Where
from overpaint.plan.marked import from_yaml
from overpaint.plan.reading import text_of
from overpaint.plan.values import as_plain
from overpaint.plan.where import Problems

__all__ = ["HOLD_OUTS", "Known", "Names", "read_known", "targets_of"]

HOLD_OUTS = "hold-outs"
"""The group of what should stay."""
FORM = "concepts: {NAME: {aliases: [...], category: ..., languages: {de: ...}}} and holdouts: [...]"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Names(_Data):
    """What one concept is called.

    Attributes:
        aliases: other names in the prompts' language.
        category: a word for all of its kind.
        languages: by language its name there.
    """

    aliases: tuple[str, ...] = ()
    category: str = ""
    languages: dict[str, str] = Field(default_factory=dict)


class Known(_Data):
    """What attackers know, by concept, and concepts that should stay."""

    concepts: dict[str, Names] = Field(default_factory=dict)
    holdouts: tuple[str, ...] = ()

    def held(self, templates: Sequence[str], seed: int) -> list[Probe]:
        """The hold-outs' pictures."""
        return [probe for name in self.holdouts for probe in of_holdout(HOLD_OUTS, name, templates, seed)]


def read_known(path: Path) -> Known:
    """The YAML or JSON file of names, in which words mean what they mean in plans.

    Raises:
        OverpaintError: it is none; with the line.
    """
    problems = Problems()
    places: dict[str, Where] = {}
    item = from_yaml(text_of(path), partial(Where, str(path)), json=path.suffix.lower() == ".json")
    data = {} if item is None else as_plain(item, "", problems, places)
    if problems:
        raise problems.error()
    try:
        return Known.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise OverpaintError(
            f"{places.get(place, path)}: {place or 'top'}: {first['msg'].lower()}; write {FORM}"
        ) from error


def targets_of(edits: Iterable[Edit], known: Known, limit: int | None = None) -> tuple[Target, ...]:
    """What erasures, replacements and moderations should have removed: the first ``limit``.

    Raises:
        OverpaintError: no edit removes anything.
    """
    found = []
    for edit in edits:
        if edit.action not in ("erase", "replace", "moderate") or edit.within:
            continue
        names = known.concepts.get(edit.source, Names())
        found.append(
            Target(
                edit.source, edit.key, edit.source, edit.prompts, names.aliases, names.category,
                tuple(names.languages.items()),
            )
        )  # fmt: skip
    if not found:
        raise OverpaintError("no edit of the plan erases, replaces or moderates a concept: there is nothing to attack")
    return tuple(found[:limit])
