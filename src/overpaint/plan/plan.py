"""A plan: which concepts change into what, for which model, by which method. Pure data, frozen, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from overpaint.errors import PlanError
from overpaint.files import write_text_atomic
from overpaint.hashing import digest
from overpaint.plan import checks
from overpaint.plan.data import Data
from overpaint.plan.edit import Edit
from overpaint.plan.where import Where

__all__ = ["Plan"]


class Plan(Data):
    """All that is asked for in one run.

    Attributes:
        model: bundled name, hub id, folder or file, as `overpaint.load` takes it.
        method: a name in the methods' registry, which also checks `settings`; ``auto`` is the one that suits so many
            concepts on the model (`overpaint.methods.settled`).
        edits: at least one; sources are unique and never somebody's destination.
        preserve: concepts to protect knowingly; each once.
        seed: what all randomness derives from.
        other_words: look for other words that the model takes for a source, and edit them, too
            (`overpaint.methods.words`).
        places: where plan-wide values were read (``settings.steps``, ``preserve.0``); not part of equality and hashes.

    Raises:
        PlanError: edits contradict each other (also from the constructor); one line per contradiction.
    """

    model: str = "emoji"
    method: str = "auto"
    settings: dict[str, Any] = Field(default_factory=dict)
    edits: tuple[Edit, ...]
    preserve: tuple[str, ...] = ()
    seed: int = 0
    other_words: bool = False
    places: dict[str, Where] = Field(default_factory=dict, exclude=True, repr=False)

    @classmethod
    def read(cls, path: str | Path, *, check_images: bool = True) -> Plan:
        """Read a ``.yaml``, ``.yml``, ``.json`` or ``.csv`` file (`overpaint.plan.reading`).

        Raises:
            PlanError: all mistakes, one per line: file, line, what, and how to mend it.
        """
        from overpaint.plan.reading import read  # it needs this module

        return read(path, check_images=check_images)

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, folder: str | Path = ".", check_images: bool = True) -> Plan:
        """Build a plan from the words of a plan file: ``Plan.parse({"edits": [{"erase": "pizza"}]})``.

        Raises:
            PlanError: all mistakes, one per line, with their path in ``data``.
        """
        from overpaint.plan.reading import parse

        return parse(data, folder=Path(folder), check_images=check_images)

    def to_data(self) -> dict[str, Any]:
        """The words of a plan file, nothing left to defaults; `parse` gives an equal plan back."""
        from overpaint.plan.writing import data

        return data(self)

    def write(self, path: str | Path) -> Path:
        """Write everything that was resolved to a ``.yaml``, ``.yml`` or ``.json`` file; `read` gives an equal plan.

        Raises:
            PlanError: another file ending.
        """
        from overpaint.plan.writing import text

        return write_text_atomic(path, text(self, Path(path)))

    def at(self, place: str) -> str:
        """Where a plan-wide value stands, for messages: ``plan.yaml:3``; ``place`` itself if nobody knows."""
        while place not in self.places and "." in place:
            place = place.rpartition(".")[0]
        return str(self.places.get(place, place))

    def fingerprint(self) -> str:
        """Hash of what the plan says, pictures by their bytes: 64 hexadecimal digits.

        Raises:
            PlanError: a picture is gone.
        """
        said = self.model_dump(mode="json")
        if not self.other_words:  # came after the first runs: unasked for, it leaves a fingerprint as it was
            del said["other_words"]
        return digest({**said, "edits": [edit.content() for edit in self.edits]})

    @field_validator("model", "method")
    @classmethod
    def _clean(cls, text: str) -> str:
        return checks.concept(text)

    @field_validator("settings")
    @classmethod
    def _settings(cls, settings: dict[str, Any]) -> dict[str, Any]:
        cleaned: dict[str, Any] = checks.plain(settings)
        return cleaned

    @field_validator("preserve")
    @classmethod
    def _preserve(cls, preserve: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(checks.concept(name) for name in preserve)

    @field_validator("seed")
    @classmethod
    def _seed(cls, seed: int) -> int:
        return checks.seed(seed)

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        if not self.edits:
            raise PlanError(f"{self.at('edits')}: no edits; write at least one")
        problems = checks.conflicts(self.edits, self.preserve, lambda index: self.at(f"preserve.{index}"))
        lines = [f"{edit.at}: {text}" for edit, text in problems]
        if lines:
            raise PlanError(*lines)
        return self
