"""Ways to spoil what is in files: bytes at random, the headers of safetensors, and trees of JSON."""

from __future__ import annotations

import copy
import json
import random
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["ODD", "TEXT", "Spoil", "as_json", "place", "reheaded", "retold", "spliced", "spoilt"]

WORDS = [b"edits", b"{", b"}", b"[", b"]", b":", b"-", b"\n", b"'", b'"', b"&a", b"*a", b"!!", b"\0", b"\xff", b"1e999"]
WORDS += [
    b"null",
    b"NaN",
    b"F16",
    b"I64",
    b"BF16",
    b"18446744073709551616",
    b"-1",
    b"[" * 3000,
    b"\\ud800",
    b",,,",
    b"#",
]

Spoil = Callable[[random.Random, bytes], bytes]

DEEP = re.compile(r'"nested (\d+) deep"(?!:)')
"""Stands in a tree for lists within lists, which no writer of JSON would write."""
ODD: list[Any] = [None, True, False, 0, -1, 2**63, 10**400, 0.5, -0.0, "", " ", "{}", "x", "no", "1e5", "007", "null"]
ODD += [
    "\0",
    "\ud800",
    "\x1b[31mred",
    "a\nb",
    "a\u2028b",
    "\u202eabc",
    "\u200b",
    "e\u0301",
    "🏴‍☠️",
    "=1+1",
    "*a",
    "&a",
    "<<",
]
ODD += ["../../elsewhere", "/dev/zero", "/", ".", "a" * 5000, "[red]a[/red]", "!!python/object/apply:os.system [true]"]
ODD += [
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"a": {"a": {}}},
    *(f"nested {depth} deep" for depth in (20, 30, 400, 900, 9000)),
]


def flipped(source: random.Random, data: bytes) -> bytes:
    at = place(source, data)
    return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :] if data else data


def cut(source: random.Random, data: bytes) -> bytes:
    at = place(source, data)
    return data[:at] + data[at + source.randrange(1, 40) :]


def ended(source: random.Random, data: bytes) -> bytes:
    return data[: place(source, data)]


def doubled(source: random.Random, data: bytes) -> bytes:
    at, length = place(source, data), source.randrange(1, 80)
    return data[: at + length] + data[at:]


def inserted(source: random.Random, data: bytes) -> bytes:
    at = place(source, data)
    return data[:at] + source.choice(WORDS) + data[at:]


def overwritten(source: random.Random, data: bytes) -> bytes:
    at, word = place(source, data), source.choice(WORDS)
    return data[:at] + word + data[at + len(word) :]


def renumbered(source: random.Random, data: bytes) -> bytes:
    """Another digit in the place of one."""
    digits = [match.start() for match in re.finditer(rb"\d", data[:4000])]
    at = source.choice(digits) if digits else 0
    return data[:at] + str(source.randrange(10)).encode() + data[at + 1 :]


def reheaded(source: random.Random, data: bytes) -> bytes:
    """The header of a safetensors file spoilt as text, its length corrected."""
    if len(data) < 8:
        return data
    (length,) = struct.unpack("<Q", data[:8])
    head, tail = data[8 : 8 + length], data[8 + length :]
    head = source.choice(TEXT)(source, head)
    return struct.pack("<Q", len(head)) + head + tail


def spliced(files: list[bytes], source: random.Random, data: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    other = source.choice(files)
    return data[: place(source, data)] + other[place(source, other) :]


TEXT: list[Spoil] = [flipped, cut, ended, doubled, inserted, overwritten, renumbered]


def place(source: random.Random, data: bytes) -> int:
    """Somewhere, half the time near the beginning, where headers are."""
    return source.randrange(max(1, min(len(data), 1500) if source.random() < 0.5 else len(data)))


def spoilt(source: random.Random, data: bytes, ways: list[Spoil]) -> bytes:
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        data = source.choice(ways)(source, data)
    return data


def retold(source: random.Random, tree: Any, odd: Sequence[Any] = ODD) -> Any:
    """A copy of a tree of JSON in which some values are odd, gone, doubled, renamed, or those of other places."""
    tree = copy.deepcopy(tree)
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = source.choice(places)
        change = source.randrange(6)
        if change < 3:
            holder[key] = copy.deepcopy(source.choice(odd))
        elif change == 3:
            del holder[key]
        elif change == 4:
            other, there = source.choice(places)
            holder[key] = copy.deepcopy(other[there])
        elif isinstance(holder, list):
            holder.insert(source.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
        else:
            name = source.choice([str(source.choice(ODD)), *(str(there) for _, there in places)])
            holder[name] = holder.pop(key)
    return tree


def as_json(tree: Any) -> str:
    """A tree of `retold` as text."""
    return DEEP.sub(lambda found: "[" * int(found[1]) + "]" * int(found[1]), json.dumps(tree))


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every value in a tree: what holds it, and under what."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(inner):
        yield tree, key
        yield from _places(value)
