"""Attacks before and after an edit, judged side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from overpaint.bench.artist import Artist
from overpaint.bench.attacks.carried import Assault, Tried, carry_out
from overpaint.bench.attacks.control import Shuffled
from overpaint.bench.graders.grader import Grader
from overpaint.bench.probes import Probe
from overpaint.bench.results import Shift
from overpaint.bench.sheet import Pair, Sheet, grade
from overpaint.methods.work import Work
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["GIVEN", "Siege", "control", "siege_work"]

GIVEN = "pictures given"
"""The group of what attacks are shown, drawn by the unedited model."""
CANDIDATES = 2
"""Pictures drawn for each that is given to attacks: of these they get the ones that show most of the concept."""


def control(group: str) -> str:
    """The group of an attack's pictures from a denoiser that knows nothing."""
    return f"control: {group}"


@dataclass(frozen=True)
class Siege:
    """Attacks on one edited model.

    Attributes:
        assaults: their targets have pictures where an attack wants some.
        bare: draws with the unedited model.
        folder: where what was found is kept.
        given: the pictures that attacks are shown.
    """

    assaults: tuple[Assault, ...]
    bare: Artist
    grader: Grader | None
    folder: Path
    given: Sheet
    progress: Progress | None = None

    @classmethod
    def prepared(
        cls,
        assaults: Sequence[Assault],
        bare: Artist,
        grader: Grader | None,
        folder: Path,
        progress: Progress | None = None,
    ) -> Siege:
        """Draw the pictures that attacks are given."""
        looking = [assault for assault in assaults if assault.attack.adaptive]
        counts = _shown(assaults)
        given = Sheet(tuple(_given(looking, counts, bare, grader, progress)))
        keys: dict[str, list[str]] = {}
        for pair in given.pairs:
            keys.setdefault(pair.probe.unit, []).append(str(pair.key_before))
        shown = {unit: bare.pictures.read(found) for unit, found in keys.items()}
        ready = [replace(a, target=replace(a.target, pictures=shown.get(a.target.unit, ()))) for a in assaults]
        return cls(tuple(ready), bare, grader, folder, given, progress)

    def carried_out(self, artist: Artist, others: Sequence[Probe] = ()) -> list[list[Tried]]:
        """All attacks on the artist's model, one after the other; ``others`` are drawn with what they ask for."""
        return carry_out(self.assaults, artist, self.folder, self.progress, others)

    def controlled(self) -> list[list[Tried]]:
        """Those that have a control, on that; empty for the others."""
        wanted = [assault for assault in self.assaults if assault.attack.controlled]
        if not wanted:
            return [[] for _ in self.assaults]
        with self.bare.changed([Shuffled()]) as shuffled:
            tried = iter(carry_out(wanted, shuffled, self.folder, self.progress))
        return [next(tried) if assault.attack.controlled else [] for assault in self.assaults]

    def sheet(self, before: Sequence[list[Tried]], after: Sequence[list[Tried]]) -> Sheet:
        """Everything judged: groups by the attacks' names, `control` of these, and `GIVEN`."""
        pairs = []
        for assault, first, second, third in zip(self.assaults, before, after, self.controlled(), strict=True):
            name = assault.attack.name
            pairs += [_pair(assault, name, one, other) for one, other in zip(first, second, strict=True)]
            pairs += [_pair(assault, control(name), one, None) for one in third]
        return self.given + Sheet(tuple(self._judged(pairs)))

    def _judged(self, pairs: Sequence[Pair]) -> Iterator[Pair]:
        """The pairs with the scores of both pictures, each picture graded once."""
        drawn = [(pair.probe, key) for pair in pairs for key in (pair.key_before, pair.key_after) if key is not None]
        scores = iter(
            grade(
                self.bare.pictures, self.grader, [probe for probe, _ in drawn], [key for _, key in drawn], self.progress
            )
        )
        for pair in pairs:
            yield replace(pair, before=next(scores), after=None if pair.key_after is None else next(scores))


def _pair(assault: Assault, group: str, before: Tried, after: Tried | None) -> Pair:
    """Pictures of the same attempt, not judged yet."""
    target = assault.target
    names = dict.fromkeys((*before.measured, *(after.measured if after else ())))
    numbers = {
        name: Shift(before=before.measured.get(name), after=after.measured.get(name) if after else None)
        for name in names
    }
    found = {"before": before.found, "after": after.found if after else ""}
    return Pair(
        Probe(group, target.unit, before.asked, before.seed, (target.label,), target.name),
        before.key,
        None if after is None else after.key,
        more=numbers,
        found={when: prompt for when, prompt in found.items() if prompt},
    )


def siege_work(assaults: Sequence[Assault]) -> tuple[int, int, int, Work]:
    """Pictures that attacks are given, that they ask for before (and again after), and on the control; and what all of
    these search with."""
    search = Work()
    for assault in assaults:
        for _ in range(2 + assault.attack.controlled):
            search = search.then(assault.attack.work)
    asked = sum(assault.attack.pictures for assault in assaults)
    controls = sum(assault.attack.pictures for assault in assaults if assault.attack.controlled)
    return CANDIDATES * sum(_shown(assaults).values()), asked, controls, search


def _shown(assaults: Sequence[Assault]) -> dict[str, int]:
    """By unit, the pictures that attacks which look at the model are given."""
    counts: dict[str, int] = {}
    for assault in assaults:
        if assault.attack.adaptive:
            unit = assault.target.unit
            counts[unit] = max(counts.get(unit, 0), assault.attack.pictures)
    return counts


def _given(
    assaults: Sequence[Assault],
    counts: Mapping[str, int],
    bare: Artist,
    grader: Grader | None,
    progress: Progress | None,
) -> Iterator[Pair]:
    """The clearest of some pictures of every target, as many as its ``counts`` by unit."""
    probes = []
    for assault in {assault.target.unit: assault for assault in assaults}.values():
        target = assault.target
        for number in range(CANDIDATES * counts[target.unit]):
            prompt = target.templates[number % len(target.templates)].replace("{}", target.name)
            seed = derive(assault.seed, "given", target.unit, number)
            probes.append(Probe(GIVEN, target.unit, prompt, seed, (target.label,), target.name))
    keys = bare.draw(probes, progress, "drawing what is given")
    scores = grade(bare.pictures, grader, probes, keys, progress)
    order = sorted(range(len(probes)), key=lambda number: -scores[number][0] if scores[number] else 0.0)
    for unit, count in counts.items():
        for number in [number for number in order if probes[number].unit == unit][:count]:
            yield Pair(probes[number], keys[number], None, scores[number])
