"""Which icon of which set draws which emoji.

The sets agree on names only mostly (`a-button` and `a-button-blood-type` are one emoji), so an emoji's own code points
decide where a set publishes them (`chars.json`), and elsewhere its names in the other sets, their aliases included.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overpaint.emoji.recipe.sources import ICON_SETS, KEYWORD_LISTS

__all__ = ["MINIMUM_STYLES", "Candidate", "IconSet", "candidates", "icon_sets"]

MINIMUM_STYLES = 4
"""An emoji drawn in fewer sets than this is no concept: styles and concepts could not be told apart."""


@dataclass(frozen=True)
class Candidate:
    """An emoji without skin tone that enough sets draw; `icons` maps style index to the icon's name in that set."""

    label: str
    emoji: str
    group: str
    subgroup: str
    tags: tuple[str, ...]
    key: str
    icons: dict[int, str]


class IconSet:
    """One iconify package: icons by name, names by code points."""

    def __init__(self, folder: Path) -> None:
        data = _json(folder / "icons.json")
        self.size: tuple[int, int] = (data.get("width", 16), data.get("height", 16))
        self.icons: dict[str, dict[str, Any]] = data["icons"]
        self.aliases: dict[str, dict[str, Any]] = data.get("aliases", {})
        self.by_code = {_bare(code): name for code, name in _json(folder / "chars.json").items()}

    def __contains__(self, name: str) -> bool:
        """Whether the set draws something under this name, own or alias."""
        return name in self.icons or name in self.aliases

    def same(self, name: str) -> set[str]:
        """All names of the icon called `name` here (mirrored aliases are other pictures)."""
        if name not in self:
            return set()
        root = self.root(name)
        return {name, root} | {a for a, entry in self.aliases.items() if entry == {"parent": root}}

    def root(self, name: str) -> str:
        """The name under which the icon itself is stored; a mirrored alias is its own root."""
        while self.aliases.get(name, {}).keys() == {"parent"}:
            name = self.aliases[name]["parent"]
        return name

    def svg(self, name: str) -> tuple[str, bool]:
        """The icon as a whole SVG document, and whether it is to be mirrored."""
        flip = False
        while name in self.aliases:
            flip ^= bool(self.aliases[name].get("hFlip"))
            name = self.aliases[name]["parent"]
        icon = self.icons[name]
        box = (
            icon.get("left", 0),
            icon.get("top", 0),
            icon.get("width", self.size[0]),
            icon.get("height", self.size[1]),
        )
        view = " ".join(str(side) for side in box)
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{view}" width="{box[2]}" height="{box[3]}">{icon["body"]}</svg>'
        )
        return svg, flip


def icon_sets(npm: Path) -> tuple[IconSet, ...]:
    """The six sets in the order of `palette.STYLES`."""
    return tuple(IconSet(npm / package.folder) for package in ICON_SETS)


def candidates(npm: Path, sets: tuple[IconSet, ...]) -> list[Candidate]:
    """Every emoji without skin tone that at least `MINIMUM_STYLES` sets draw, in Unicode's order."""
    found = [_candidate(entry, sets) for entry in _emojibase(npm)]
    taken: set[tuple[int, str]] = set()
    result: list[Candidate] = []
    for candidate in found:
        icons = {s: name for s, name in candidate.icons.items() if (s, sets[s].root(name)) not in taken}
        taken |= {(s, sets[s].root(name)) for s, name in icons.items()}
        if len(icons) >= MINIMUM_STYLES:
            result.append(Candidate(**{**vars(candidate), "icons": icons}))
    return result


def _candidate(entry: dict[str, Any], sets: tuple[IconSet, ...]) -> Candidate:
    code = _bare(entry["hexcode"])
    known = {s: icons.by_code[code] for s, icons in enumerate(sets) if code in icons.by_code}
    slug = re.sub(r"[^a-z0-9]+", "-", entry["label"].lower()).strip("-")
    names = set(known.values()) | {slug}
    for name in sorted(names):
        for icons in sets:
            names |= icons.same(name)
    ranked = sorted(names, key=lambda name: (-sum(name in icons for icons in sets), name != slug, len(name), name))
    for s, icons in enumerate(sets):
        here = [name for name in ranked if name in icons]
        if here and not icons.by_code:
            known[s] = here[0]
    key = next(iter(ranked))
    return Candidate(
        entry["label"], entry["emoji"], entry["group"], entry["subgroup"], tuple(entry["tags"]), key, known
    )


def _emojibase(npm: Path) -> Iterator[dict[str, Any]]:
    """Emoji in Unicode's order with the names of group and subgroup; code points outside the groups are left out."""
    folder = npm / KEYWORD_LISTS[1].folder
    groups = _json(folder / "meta" / "groups.json")
    entries = [entry for entry in _json(folder / "en" / "data.json") if "group" in entry]
    for entry in sorted(entries, key=lambda entry: entry["order"]):
        yield {
            "tags": [],
            **entry,
            "group": groups["groups"][str(entry["group"])],
            "subgroup": groups["subgroups"][str(entry["subgroup"])],
        }


def _bare(hexcode: str) -> str:
    """Code points without the variation selector, which the lists use as they like."""
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
