"""An edit: one concept and what is to become of it. Pure data, frozen, without torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from overpaint.errors import PlanError
from overpaint.hashing import digest
from overpaint.plan import checks
from overpaint.plan.data import Data
from overpaint.plan.templates import DEFAULT_KIND, KINDS
from overpaint.plan.where import Where

__all__ = ["ACTIONS", "Action", "Edit"]

Action = Literal["replace", "erase", "moderate", "rectify", "debias"]
ACTIONS: tuple[Action, ...] = get_args(Action)


class Edit(Data):
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
        also: other words for the source (dog: puppy, hound), which become the same.
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
    also: tuple[str, ...] = ()
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
        return (self.within,) if self.within else (self.source, *self.also, *self.members)

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
        return digest(self.content())

    def content(self) -> dict[str, Any]:
        """What the edit says as JSON data, pictures by their bytes: what fingerprints are taken of.

        Raises:
            PlanError: a picture is gone.
        """
        content = self.model_dump(mode="json")
        for later in ("within", "members", "also"):  # not there in the first runs: unused, they change no fingerprint
            if not content[later]:
                del content[later]
        return {**content, "images": [_picture(path, self) for path in self.images]}

    @field_validator("source", "destination", "within")
    @classmethod
    def _clean(cls, text: str | None) -> str | None:
        return None if text is None else checks.concept(text)

    @field_validator("members", "also")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return checks.names(names)

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
        taken = {checks.folded(phrase) for phrase in (self.source, *self.destinations)}
        for member in self.members:
            if checks.folded(member) in taken:
                raise PlanError(f"{what}: {checks.quoted(member)} is no member of itself; remove it from members")
        if self.also:
            self._check_also(what, taken | {checks.folded(member) for member in self.members})
        if any(checks.folded(self.source) == checks.folded(phrase) for phrase in self.destinations):
            raise PlanError(f"{what} becomes itself; name another destination")
        if not self.prompts:
            object.__setattr__(self, "prompts", KINDS[self.kind].prompts)  # frozen for everyone else
        return self

    def _check_also(self, what: str, taken: set[str]) -> None:
        if self.action == "debias" or self.within is not None:
            raise PlanError(f"{what} takes no other words; make one edit of each")
        for word in self.also:
            if checks.folded(word) in taken:
                raise PlanError(f"{what}: {checks.quoted(word)} is named already; remove it from also")

    def _check_within(self, what: str) -> None:
        if self.action != "erase":
            raise PlanError(f"{what} takes no 'from'; leave it out, or write erase")
        if self.destination is not None:
            raise PlanError(f"{what} has both 'from' and an anchor; leave one of the two out")
        if checks.folded(self.source) == checks.folded(self.within or ""):
            raise PlanError(f"{what} from itself; leave 'from' out to erase it everywhere")


def _picture(path: Path, edit: Edit) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PlanError(f"{edit.at}: cannot read the picture {path} ({error.strerror}); put it back") from error
