"""YAML, JSON and Python data as one tree in which every key and value knows where it stands.

JSON is a subset of YAML but for tabs between values and letters escaped as two halves, so one reader serves both.
Plain words mean what JSON and YAML 1.2 say: ``no`` and ``2024-01-01`` are text, ``1e-4`` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import yaml

from overpaint.errors import PlanError
from overpaint.plan.where import Where

__all__ = ["RESOLVERS", "TAG", "Item", "from_data", "from_yaml"]

MAX_DEPTH = 24
MAX_ITEMS = 100_000

TAG = "tag:yaml.org,2002:"
RESOLVERS: Mapping[str, tuple[re.Pattern[str], list[str]]] = MappingProxyType(
    {
        "null": (re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
        "bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
        "int": (re.compile(r"[-+]?[0-9]+\Z"), list("-+0123456789")),
        "float": (
            re.compile(
                r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
            ),
            list("-+.0123456789"),
        ),
    }
)
"""Which plain words are not text, by YAML 1.2, and the letters they begin with."""

_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@dataclass(frozen=True)
class Item:
    """A value with its place.

    Attributes:
        value: None, bool, int, float, str, a tuple of items (a list), or a tuple of (key item, value item) pairs if
            `mapping`: pairs, because a key may wrongly be there twice.
        where: its line.
        text: a scalar as it was written, so that a concept called 007 keeps its zeros; None for collections.
    """

    value: Any
    where: Where
    text: str | None = None
    mapping: bool = False

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        if self.mapping:
            return "a mapping"
        names = {tuple: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number"}
        return names.get(type(self.value), "empty")


class _TooMuch(Exception):
    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Composes nodes (values stay text), with YAML 1.2 words and bounded depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Bound the recursion of PyYAML, which otherwise follows a hostile file down to the end of the stack."""
        if self.depth == MAX_DEPTH:
            raise _TooMuch(self.peek_event().start_mark.line + 1, f"nested deeper than {MAX_DEPTH} levels")  # type: ignore[no-untyped-call,unused-ignore]
        self.depth += 1
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
for _name, (_pattern, _first) in RESOLVERS.items():
    _Loader.add_implicit_resolver(TAG + _name, _pattern, _first)


def from_yaml(text: str, at: Callable[[int], Where], *, json: bool = False) -> Item | None:
    """The tree of one YAML document, or None if there is nothing in it.

    Arguments:
        at: where a line of the text stands.

    Raises:
        PlanError: not YAML, too deep or too large, with its place.
    """
    try:
        loader = _Loader(text.replace("\t", " ") if json else text)  # JSON has no tabs inside strings
        node = loader.get_single_node()
        return None if node is None else _Converter(at).item(node)
    except _TooMuch as error:
        raise PlanError(f"{at(error.line)}: {error}; simplify it") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context)
        if isinstance(error, yaml.composer.ComposerError) and error.context:
            problem = f"{error.context}, {problem}"  # "expected a single document", "but found another"
        problem = " ".join(problem.split())
        remedy = "mend the JSON" if json else "mend the YAML (text with ': ', '#' or braces goes in quotes)"
        raise PlanError(f"{at(mark.line + 1 if mark else 1)}: {problem}; {remedy}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise PlanError(f"{at(line)}: the character {_code(error.character)} is not allowed; remove it") from error
    except (ValueError, OverflowError) as error:  # PyYAML on escapes beyond Unicode
        raise PlanError(f"{at(loader.line + 1)}: {' '.join(str(error).split())}; mend the escape") from error


def from_data(data: Any, place: str = "") -> Item:
    """The same tree for Python data; places are paths into it.

    Raises:
        PlanError: nested too deep (or into itself), or of a type that no plan holds.
    """
    return _from_data(data, place, 0)


class _Converter:
    """Nodes to items; aliases are followed anew at each use, so items are counted, not only nodes."""

    def __init__(self, at: Callable[[int], Where]) -> None:
        self.at = at
        self.count = 0

    def item(self, node: yaml.Node, depth: int = 0) -> Item:
        line = node.start_mark.line + 1
        where = self.at(line)
        self.count += 1
        if self.count > MAX_ITEMS:
            raise _TooMuch(line, f"more than {MAX_ITEMS} values (aliases multiply them; a CSV holds more)")
        if depth > MAX_DEPTH:
            raise _TooMuch(line, f"nested deeper than {MAX_DEPTH} levels (does an alias hold itself?)")
        if isinstance(node, yaml.MappingNode) and node.tag == TAG + "map":
            pairs = ((self.item(key, depth + 1), self.item(value, depth + 1)) for key, value in node.value)
            return Item(tuple(pairs), where, mapping=True)
        if isinstance(node, yaml.SequenceNode) and node.tag == TAG + "seq":
            return Item(tuple(self.item(one, depth + 1) for one in node.value), where)
        if isinstance(node, yaml.ScalarNode) and node.tag.removeprefix(TAG) in (*RESOLVERS, "str"):
            return _scalar(node, where)
        raise PlanError(f"{where}: the tag {_shown(node.tag)} is not known; remove it")


def _scalar(node: yaml.ScalarNode, where: Where) -> Item:
    text = _HALVES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), node.value)
    kind = node.tag.removeprefix(TAG)
    try:
        return Item(_read(kind, text), where, text)
    except (KeyError, ValueError) as error:  # !!int pizza, or a number of more digits than Python reads
        raise PlanError(f"{where}: {_shown(text)} is not what its tag says ({kind}); mend it") from error


def _read(kind: str, text: str) -> bool | int | float | str | None:
    if kind == "null":
        return None
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()]
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _from_data(data: Any, place: str, depth: int) -> Item:
    where = Where(place or "plan")
    if depth > MAX_DEPTH:
        raise PlanError(f"{where}: nested deeper than {MAX_DEPTH} levels; simplify it")
    if isinstance(data, Mapping):
        pairs = tuple(
            (_from_data(key, place, depth + 1), _from_data(value, f"{place}.{key}".lstrip("."), depth + 1))
            for key, value in data.items()
        )
        return Item(pairs, where, mapping=True)
    if data is None or isinstance(data, (str, bool, int, float)):
        return Item(data, where, "" if data is None else str(data))
    if hasattr(data, "__fspath__"):
        return Item(str(data), where, str(data))
    if isinstance(data, Sequence) and not isinstance(data, (bytes, bytearray)):
        return Item(tuple(_from_data(one, f"{place}[{i}]", depth + 1) for i, one in enumerate(data)), where)
    raise PlanError(f"{where}: {type(data).__name__} has no place in a plan; write text, numbers, lists or mappings")


def _code(character: Any) -> str:
    return f"U+{character if isinstance(character, int) else ord(character):04X}"


def _shown(text: str) -> str:
    return repr(text[:60])
