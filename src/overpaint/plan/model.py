"""A plan: which concepts change into what, for which model, by which method. Pure data, frozen, without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from overpaint.errors import PlanError
from overpaint.files import write_text_atomic
from overpaint.plan import checks
from overpaint.plan.templates import DEFAULT_KIND, KINDS
from overpaint.plan.where import Where

__all__ = ["ACTIONS", "Action", "Edit", "Plan"]

Action = Literal["replace", "erase", "moderate", "rectify", "debias"]
ACTIONS: tuple[Action, ...] = get_args(Action)


class _Data(BaseModel):
    """Frozen; equal if it says the same, wherever it was read from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


class Edit(_Data):
    """One concept and what is to become of it.

    Attributes:
        action: `replace` draws the destination instead; `erase` forgets; `rectify` teaches a misunderstood name;
            `moderate` forgets a general concept, whether it, its members or only its category are named; `debias`
            draws several destinations in given shares.
        source: the concept as written in prompts.
        destination: what it becomes (replace, rectify), the anchor of erase and moderate, or None: the method's own
            way.
        within: for erase, the only concept that is to lose the source (the hat of a cowboy); None: all do.
        members: for moderate, concepts that belong to the source (weapon: pistol, sword), all to disappear.
        over: for debias, the wanted share of each destination phrase, summing to 1.
        kind: a name in `templates.KINDS`.
        prompts: templates with one ``{}``; those of the kind if none are given.
        seed: overrides the plan's.
        images: pictures of what the source should look like; rectify may do with them alone. For erase, the pictures
            that are to be forgotten under the source's name.
        where: the line this was read from; never part of equality, hashes and files.

    Raises:
        PlanError: the edit contradicts itself (also from the constructor).
    """

    action: Action
    source: str
    destination: str | None = None
    within: str | None = None
    members: tuple[str, ...] = ()
    over: dict[str, float] | None = None
    kind: str = DEFAULT_KIND
    prompts: tuple[str, ...] = ()
    seed: int | None = None
    images: tuple[Path, ...] = ()
    where: Where | None = Field(default=None, exclude=True, repr=False)

    @property
    def key(self) -> str:
        """Identifies the edit within its plan, whatever its position: ``replace:pistol``, ``erase:hat from:cowboy``."""
        return f"{self.action}:{self.source}" + (f" from:{self.within}" if self.within else "")

    @property
    def at(self) -> str:
        """Where it stands, for messages: ``plan.yaml:12``, or what it is if it was not read from anywhere."""
        return str(self.where) if self.where else f"{self.action} {checks.quoted(self.source)}"

    @property
    def destinations(self) -> tuple[str, ...]:
        """Every phrase that the source is taught to become; empty for an erasure without anchor."""
        if self.over is not None:
            return tuple(self.over)
        return () if self.destination is None else (self.destination,)

    @property
    def edited(self) -> tuple[str, ...]:
        """The names that mean something else afterwards; ``erase X from Y`` changes Y alone."""
        return (self.within,) if self.within else (self.source, *self.members)

    @property
    def phrases(self) -> tuple[str, ...]:
        """Every concept that the edit names, each once."""
        return tuple(dict.fromkeys((self.source, *self.edited, *self.destinations)))

    @property
    def needs(self) -> tuple[str, ...]:
        """What a method must be able to do: the action, and what is said beyond its bare words.

        These are ``erase to``, ``moderate to`` (an anchor), ``erase from`` (a concept) and ``rectify images``,
        ``replace images``, ``erase images``.
        """
        anchor = self.destination if self.action in ("erase", "moderate") else None
        extras = {"to": anchor, "from": self.within, "images": self.images}
        return (self.action, *(f"{self.action} {extra}" for extra, asked in extras.items() if asked))

    def fingerprint(self) -> str:
        """Hash of what the edit says, pictures by their bytes: 64 hexadecimal digits."""
        return _digest(_content(self))

    @field_validator("source", "destination", "within")
    @classmethod
    def _clean(cls, text: str | None) -> str | None:
        return None if text is None else checks.concept(text)

    @field_validator("members")
    @classmethod
    def _members(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        return checks.members(members)

    @field_validator("over")
    @classmethod
    def _shares(cls, over: dict[str, float] | None) -> dict[str, float] | None:
        return None if over is None else checks.shares(over)

    @field_validator("seed")
    @classmethod
    def _seed(cls, seed: int | None) -> int | None:
        return None if seed is None else checks.seed(seed)

    @field_validator("prompts")
    @classmethod
    def _templates(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(checks.template(prompt) for prompt in prompts)

    @field_validator("kind")
    @classmethod
    def _kind(cls, kind: str) -> str:
        return checks.kind(kind)

    @model_validator(mode="after")
    def _consistent(self) -> Edit:
        what = f"{self.action} {checks.quoted(self.source)}"
        if self.action == "debias":
            if self.over is None or self.destination is not None:
                raise PlanError(
                    f"{what} needs shares, not one destination; write over: {{one phrase: 0.5, other: 0.5}}"
                )
        elif self.over is not None:
            raise PlanError(f"{what} takes no shares; leave them out, or write debias")
        elif self.destination is None and self.action == "replace":
            raise PlanError(f"{what} does not say with what; write with: the concept to draw instead")
        elif self.destination is None and self.action == "rectify" and not self.images:
            raise PlanError(f"{what} does not say as what; write as: a name that the model knows, or images: pictures")
        if self.images and self.action not in ("replace", "rectify", "erase"):
            raise PlanError(f"{what} takes no images; leave them out, or write replace, rectify or erase")
        if self.within is not None:
            self._check_within(what)
        if self.members and self.action != "moderate":
            raise PlanError(f"{what} takes no members; make one edit of each, or write moderate")
        for member in self.members:
            if checks.folded(member) in {checks.folded(phrase) for phrase in (self.source, *self.destinations)}:
                raise PlanError(f"{what}: {checks.quoted(member)} is no member of itself; remove it from members")
        if any(checks.folded(self.source) == checks.folded(phrase) for phrase in self.destinations):
            raise PlanError(f"{what} becomes itself; name another destination")
        if not self.prompts:
            object.__setattr__(self, "prompts", KINDS[self.kind].prompts)  # frozen for everyone else
        return self

    def _check_within(self, what: str) -> None:
        if self.action != "erase":
            raise PlanError(f"{what} takes no 'from'; leave it out, or write erase")
        if self.destination is not None:
            raise PlanError(f"{what} has both 'from' and an anchor; leave one of the two out")
        if checks.folded(self.source) == checks.folded(self.within or ""):
            raise PlanError(f"{what} from itself; leave 'from' out to erase it everywhere")


class Plan(_Data):
    """All that is asked for in one run.

    Attributes:
        model: bundled name, hub id, folder or file, as `overpaint.load` takes it.
        method: a name in the methods' registry, which also checks `settings`.
        edits: at least one; sources are unique and never somebody's destination.
        preserve: concepts to protect knowingly; each once.
        seed: what all randomness derives from.
        places: where plan-wide values were read (``settings.steps``, ``preserve.0``); not part of equality and hashes.

    Raises:
        PlanError: edits contradict each other (also from the constructor); one line per contradiction.
    """

    model: str = "emoji"
    method: str = "emcid"
    settings: dict[str, Any] = Field(default_factory=dict)
    edits: tuple[Edit, ...]
    preserve: tuple[str, ...] = ()
    seed: int = 0
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
        return _digest({**self.model_dump(mode="json"), "edits": [_content(edit) for edit in self.edits]})

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


def _content(edit: Edit) -> dict[str, Any]:
    content = edit.model_dump(mode="json")
    for later in ("within", "members"):  # came after the first runs: unused, they leave a fingerprint as it was
        if not content[later]:
            del content[later]
    return {**content, "images": [_picture(path, edit) for path in edit.images]}


def _picture(path: Path, edit: Edit) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PlanError(f"{edit.at}: cannot read the picture {path} ({error.strerror}); put it back") from error


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
