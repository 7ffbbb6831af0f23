"""Which concepts are learned in one batch: the rest of one that was cut off in the same company, for the same bits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["composition", "together"]


def composition(keys: Sequence[str]) -> Tensor:
    """Names of a batch's records as eight bytes (8,), kept with each."""
    return torch.tensor(list(hashlib.sha256("".join(sorted(keys)).encode()).digest()[:8]), dtype=torch.uint8)


def together(members: Sequence[int], keys: Mapping[int, str], marks: Mapping[int, Tensor | None]) -> list[int]:
    """Those of a batch to be learned now, in one batch: none, or the missing ones.

    The missing ones of a batch that was cut off are joined by those that were stored, with which they were learned.

    Args:
        keys: names of the members' records.
        marks: of the members that are known, the `composition` (8,) of the batch that each was learned in, or None.
    """
    missing = [member for member in members if member not in marks]
    if not missing:
        return []
    for mark in marks.values():
        if mark is None:
            continue
        group = [member for member in members if member not in marks or _same(marks[member], mark)]
        if torch.equal(composition([keys[member] for member in group]), mark):
            return group
    return missing


def _same(mark: Tensor | None, other: Tensor) -> bool:
    return mark is not None and torch.equal(mark, other)
