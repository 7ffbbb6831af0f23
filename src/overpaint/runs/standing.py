"""A bank: edits in force and their memories, which outlive any one run and may be shared by processes and machines.

The patch is a function of the bank (`overpaint.fit` with its plan and its memories), so what was added in ten rounds
is what one round would have given, and what is withdrawn is as if it had never been asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overpaint.errors import PlanError, RunError
from overpaint.files import replacing
from overpaint.json_reading import from_json
from overpaint.plan import Edit, Plan
from overpaint.plan.checks import folded, quoted
from overpaint.plan.words import asked
from overpaint.runs import record as records
from overpaint.runs.entries import Entries, identity
from overpaint.runs.folder import RunFolder

if TYPE_CHECKING:
    from overpaint.runs.bank import MemoryBank

__all__ = ["Bank"]

NAME = "bank.json"
FORMAT = 1
_TERMS = ("model", "method", "settings", "seed")


class Bank:
    """``bank.json edits/ pictures/ bank/``: terms that never change, what is asked for, and the memories.

    Nothing is locked: every record is a file that is whole or absent, and of two that are written at once one wins.

    Attributes:
        path: the folder.
        terms: model, method, settings and seed of all its edits, in the words of a plan.
    """

    def __init__(self, path: Path, terms: Mapping[str, Any]) -> None:
        self.path = path
        self.terms = dict(terms)
        self._entries = Entries(path)

    @classmethod
    def create(cls, path: str | Path, plan: Plan) -> Bank:
        """A bank on the terms of ``plan``, or the one that is there if that agrees. No edit is added yet.

        Values that are optimised together agree with single ones up to rounding. For exact equality with a bank that
        was asked otherwise, set ``batch: 1`` (as ``overpaint bank add`` does).

        Raises:
            RunError: the folder holds something else, or a bank on other terms.
        """
        path = Path(path)
        wanted = cls.on_terms_of(path, plan)
        if not (path / NAME).exists():
            wanted.check_free()
            with replacing(path / NAME, over=False) as temporary:
                temporary.write_text(wanted._text, encoding="utf-8")
        bank = cls.open(path)
        bank._check(wanted.terms)
        return bank

    @classmethod
    def on_terms_of(cls, path: Path, plan: Plan) -> Bank:
        """A bank that `create` would make; nothing is written or looked at."""
        return cls(path, {name: getattr(plan, name) for name in _TERMS})

    @classmethod
    def open(cls, path: str | Path) -> Bank:
        """A bank that is there.

        Raises:
            RunError: there is none, it is damaged, or of a newer format.
        """
        path = Path(path)
        try:
            content = from_json((path / NAME).read_text(encoding="utf-8"))
            terms = {name: content[name] for name in _TERMS}
            known = content["format"] == FORMAT
            Plan(**terms, edits=(Edit(action="erase", source="anything"),))  # checks the terms
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(f"no bank in {path}; name a folder that `overpaint bank add` made") from None
        except (OSError, ValueError, KeyError, TypeError, PlanError) as error:
            why = str(error).splitlines()[0]
            raise RunError(f"{path / NAME} is damaged ({why}); restore it") from error
        if not known:
            raise RunError(f"{path / NAME} was written by a newer overpaint; update overpaint")
        return cls(path, terms)

    def check_free(self) -> None:
        """Raises RunError if the folder of a bank that is not there yet holds something else."""
        if self.path.is_dir() and (others := [e.name for e in self.path.iterdir() if e.name != records.BANK]):
            raise RunError(f"{self.path} holds other files ({min(others)}); choose an empty or new folder")

    @property
    def plan(self) -> Plan:
        """All that is in force, sorted, whatever the order in which it came.

        Raises:
            PlanError: nothing is, or edits of different processes contradict each other.
            RunError: an entry is damaged.
        """
        return self._plan(self.edits, self.preserved)

    @property
    def edits(self) -> list[Edit]:
        """The edits in force, maybe none. RunError if one is damaged."""
        return self._entries.edits()

    @property
    def preserved(self) -> list[str]:
        """The concepts to preserve, sorted. RunError if an entry is damaged."""
        return self._entries.preserved()

    @property
    def memories(self) -> MemoryBank:
        """The store for `overpaint.fit`."""
        from overpaint.runs.bank import MemoryBank  # torch comes only where it is needed

        return MemoryBank(self.path / records.BANK)

    def add(self, plan: Plan) -> list[Edit]:
        """Ask for the edits and preserved concepts of a plan as well; returns the edits that are new.

        What the plan says of model, method, settings and seed must be the bank's; it need not say it. Nothing changes
        if anything is refused.

        Raises:
            PlanError: an edit contradicts one in force, or is another one of the same concept.
            RunError: the plan is on other terms.
        """
        new = self.lacking(plan)
        for edit in new:
            if not self._entries.put(edit, over=False):
                raise PlanError(f"{edit.at}: another process has just added another edit of it; look with bank list")
        for name in plan.preserve:
            self._entries.preserve(name)
        return new

    def lacking(self, *plans: Plan) -> list[Edit]:
        """The edits that `add` would add, of one plan after the other. Raises as it."""
        known = {identity(edit): edit for edit in self.edits}
        new = []
        for plan in plans:
            self._check({name: getattr(plan, name) for name in _TERMS if name in plan.model_fields_set})
            for edit in plan.edits:
                there = known.setdefault(identity(edit), edit)
                if there is edit:
                    new.append(edit)
                elif there.fingerprint() != edit.fingerprint():
                    raise PlanError(
                        f"{edit.at}: the bank has {asked(there)} already;"
                        f" replace it, or withdraw {quoted(there.source)}"
                    )
        self._plan(known.values(), {*self.preserved, *(name for plan in plans for name in plan.preserve)})
        return new

    def replace(self, plan: Plan) -> None:
        """Put the plan's edits in the place of those of the same concepts, which must be there.

        Raises:
            PlanError: one is not there, or contradicts others in force.
            RunError: the plan is on other terms.
        """
        self.check_replacement(plan)
        for edit in plan.edits:
            self._entries.put(edit, over=True)

    def check_replacement(self, plan: Plan) -> None:
        """Raises as `replace` if it would."""
        self._check({name: getattr(plan, name) for name in _TERMS if name in plan.model_fields_set})
        new = {identity(edit): edit for edit in plan.edits}
        old = {identity(edit): edit for edit in self.edits}
        if missing := [edit for name, edit in new.items() if name not in old]:
            raise PlanError(*(f"{e.at}: the bank has no edit of {quoted(e.source)}; add it" for e in missing))
        self._plan({**old, **new}.values(), self.preserved)

    def withdraw(self, *names: str) -> list[Edit]:
        """Ask for the edits of these sources no longer, nor for these concepts' preservation; returns the edits.

        Their memories stay and serve again should they be asked for again.

        Raises:
            PlanError: a name is neither; nothing is withdrawn then.
        """
        gone, released = self.standing(*names)
        for edit in gone:
            self._entries.remove(edit)
        for name in released:
            self._entries.release(name)
        return gone

    def standing(self, *names: str) -> tuple[list[Edit], list[str]]:
        """The edits and preserved concepts that `withdraw` would withdraw. Raises as it."""
        wanted = {folded(name): name for name in names}
        gone = [edit for edit in self.edits if folded(edit.source) in wanted]
        released = [name for name in self.preserved if folded(name) in wanted]
        found = {folded(edit.source) for edit in gone} | {folded(name) for name in released}
        if missing := [name for key, name in wanted.items() if key not in found]:
            raise PlanError(*(f"{quoted(name)}: the bank has no edit of it; look with bank list" for name in missing))
        return gone, released

    def merge(self, other: str | Path) -> tuple[int, int]:
        """Take over the edits, preserved concepts and memories of another bank or run on the same terms.

        Returns how many edits and memories were new. Where both have a memory, this bank's stays.

        Raises:
            PlanError: edits contradict each other; RunError: other terms, or no bank and no run. Nothing changes then.
        """
        plan, memories = self._source(other)
        edits = [] if plan is None else self.add(plan)
        return len(edits), self.memories.merge(memories)

    def mergeable(self, *others: str | Path) -> tuple[list[Edit], set[str], list[Path]]:
        """The edits, preserved concepts and files of memories that `merge` would take over, of one after the other.

        Raises as it. A file that is damaged in its middle counts as well.
        """
        sources = [self._source(other) for other in others]
        plans = [plan for plan, _ in sources if plan is not None]
        files = {key: bank.path_of(key) for _, bank in reversed(sources) for key in self.memories.lacking(bank)}
        return self.lacking(*plans), {name for plan in plans for name in plan.preserve}, list(files.values())

    def size(self, edits: Iterable[Edit], preserve: Iterable[str] = ()) -> int:
        """Bytes that these edits and preserved concepts take on the disk beside what is there.

        Raises:
            PlanError: a picture is gone.
        """
        terms = 0 if (self.path / NAME).exists() else len(self._text)
        return terms + self._entries.size(edits, preserve)

    @property
    def _text(self) -> str:
        """Of ``bank.json``."""
        return json.dumps({"format": FORMAT, **self.terms}, indent=2)

    def _source(self, other: str | Path) -> tuple[Plan | None, MemoryBank]:
        """What another bank or run asks for, on the same terms, and its memories."""
        from overpaint.runs.bank import MemoryBank

        other = Path(other)
        memories = MemoryBank(other / records.BANK)
        if not (other / NAME).exists():
            return RunFolder.open(other).plan, memories
        source = Bank.open(other)
        source._check(self.terms)
        return source.plan if source.edits else None, memories

    def _plan(self, edits: Iterable[Edit], preserve: Iterable[str]) -> Plan:
        return Plan(**self.terms, edits=tuple(sorted(edits, key=identity)), preserve=tuple(sorted(preserve)))

    def _check(self, terms: Mapping[str, Any]) -> None:
        for name, value in terms.items():
            own = self.terms[name]
            if (value if name != "settings" else {**own, **value}) != own:
                raise RunError(
                    f"{self.path} is a bank of {name} {own!r}, not {value!r}; leave that out, or make another bank"
                )
