"""What the emoji model was taught: concepts with names and aliases, general words, biased professions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any

__all__ = ["Concept", "Profession", "Vocabulary"]


@dataclass(frozen=True)
class Concept:
    """One thing that the model draws.

    `taught` aliases occur in training captions; `withheld` ones never do, so that they are words which the model
    misunderstands and an edit can rectify. `general` is a word for all of its kind ("fruit"). `styles` are the style
    words in which an icon set draws it, at least four of the six: nobody knows what it looks like in another.
    """

    name: str
    key: str
    emoji: str
    category: str
    subgroup: str
    general: str | None
    styles: tuple[str, ...]
    taught: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every other name, taught or not."""
        return self.taught + self.withheld


@dataclass(frozen=True)
class Profession:
    """A role drawn as a man and as a woman (concept names).

    `share_man` is the stated bias: the share of men in pictures of the bare `word` at the default guidance.
    """

    word: str
    man: str
    woman: str
    share_man: float


@dataclass(frozen=True)
class Vocabulary:
    """The concepts in the order of their class indices, and the professions."""

    concepts: tuple[Concept, ...]
    professions: tuple[Profession, ...]

    @classmethod
    def load(cls) -> "Vocabulary":
        """Read the vocabulary that ships with the package."""
        return cls.from_json(files("overpaint.emoji").joinpath("vocabulary.json").read_text(encoding="utf-8"))

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Inverse of `to_json`."""
        data = json.loads(text)
        for concept in data["concepts"]:
            concept |= {name: tuple(concept[name]) for name in ("styles", "taught", "withheld")}
        return cls(
            tuple(Concept(**concept) for concept in data["concepts"]),
            tuple(Profession(**profession) for profession in data["professions"]),
        )

    def to_json(self) -> str:
        """One concept a line, so that a change of the vocabulary reads well in a diff."""

        def lines(items: tuple[Any, ...]) -> str:
            return ",\n".join(json.dumps(vars(item), ensure_ascii=False) for item in items)

        return f'{{"concepts": [\n{lines(self.concepts)}\n],\n"professions": [\n{lines(self.professions)}\n]}}\n'

    def __len__(self) -> int:
        """Number of concepts."""
        return len(self.concepts)

    @cached_property
    def by_name(self) -> Mapping[str, int]:
        """Concept name to index."""
        return MappingProxyType({concept.name: index for index, concept in enumerate(self.concepts)})

    @cached_property
    def by_alias(self) -> Mapping[str, int]:
        """Alias, taught or withheld, to concept index."""
        return MappingProxyType({a: index for index, concept in enumerate(self.concepts) for a in concept.aliases})

    @cached_property
    def by_general(self) -> Mapping[str, tuple[int, ...]]:
        """General word to the indices of its concepts."""
        groups: dict[str, list[int]] = {}
        for index, concept in enumerate(self.concepts):
            if concept.general is not None:
                groups.setdefault(concept.general, []).append(index)
        return MappingProxyType({word: tuple(indices) for word, indices in groups.items()})

    @cached_property
    def by_profession(self) -> Mapping[str, Profession]:
        """Bare profession word to profession."""
        return MappingProxyType({profession.word: profession for profession in self.professions})

    @cached_property
    def roles(self) -> Mapping[int, tuple[Profession, bool]]:
        """Concept index to the profession that it shows, and whether as a man."""
        pairs = [(profession.man, profession, True) for profession in self.professions]
        pairs += [(profession.woman, profession, False) for profession in self.professions]
        return MappingProxyType({self.by_name[name]: (profession, is_man) for name, profession, is_man in pairs})

    def index(self, phrase: str) -> int:
        """Concept that a name or alias means; a bare profession word means no single one. KeyError if none is meant."""
        key = phrase.strip().lower()
        found = self.by_name.get(key, self.by_alias.get(key))
        if found is None:
            raise KeyError(f"{phrase!r} is neither a name nor an alias of any of the {len(self)} concepts")
        return found

    def neighbours(self, index: int) -> tuple[int, ...]:
        """The other concepts of the same subgroup: what an edit of this concept disturbs first."""
        subgroup = self.concepts[index].subgroup
        return tuple(i for i, concept in enumerate(self.concepts) if concept.subgroup == subgroup and i != index)
