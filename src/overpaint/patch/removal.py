"""Taking a patch out of a sum again."""

from __future__ import annotations

import torch

from overpaint.errors import PatchError
from overpaint.patch.delta import Delta, Dense, LowRank, Mapped, Plain, map_and_rest
from overpaint.patch.patch import Patch
from overpaint.patch.provenance import summands

__all__ = ["without"]


def without(total: Patch, part: Patch) -> Patch:
    """What a sum is without one of the patches that it was made of.

    Low-rank factors that are still there are taken out as they were put in, so that what is left is the other patches
    to the bit; dense changes are subtracted, to the rounding of float32.

    Raises PatchError if the sum does not say that it holds the patch, or its changes are not in it.
    """
    parts = summands(total.provenance)
    if part.provenance not in parts or not set(part.deltas) <= set(total.deltas):
        raise PatchError("is not in the sum; name a patch that was added to it with overpaint patch add")
    parts.remove(part.provenance)
    deltas: dict[str, Delta] = {}
    for name, delta in total.deltas.items():
        left: Delta | None = _without(name, delta, part.deltas[name]) if name in part.deltas else delta
        if left is not None:
            deltas[name] = left
    provenance = parts[0] if len(parts) == 1 else {"sum": parts}
    return Patch(deltas, {name: total.base[name] for name in deltas}, provenance)


def _without(name: str, total: Delta, part: Delta) -> Delta | None:
    if isinstance(total, Mapped) or isinstance(part, Mapped):
        (total_map, total_rest), (part_map, part_rest) = map_and_rest(total), map_and_rest(part)
        left, rest = _minus(name, total_map, part_map), _minus(name, total_rest, part_rest)
        return rest if left is None else Mapped(left, rest)
    return _minus(name, total, part)


def _minus(name: str, total: Plain | None, part: Plain | None) -> Plain | None:
    if part is None:
        return total
    if isinstance(total, LowRank) and isinstance(part, LowRank):
        start = _position(total, part)
        if start is None:
            raise PatchError(f"is not in the sum as it was: see {name}")
        stop = start + len(part.down)
        up = torch.cat([total.up[:, :start], total.up[:, stop:]], dim=1)
        return LowRank(up, torch.cat([total.down[:start], total.down[stop:]])) if up.shape[1] else None
    if total is None or total.matrix().numel() != part.matrix().numel():
        raise PatchError(f"is not in the sum as it was: see {name}")
    left = total.matrix() - part.matrix().reshape(total.shape)
    return Dense(left) if left.norm() > 1e-6 * part.matrix().norm() else None


def _position(total: LowRank, part: LowRank) -> int | None:
    """Where the factors of a part begin among those of the sum."""
    rank = len(part.down)
    for start in range(len(total.down) - rank + 1):
        if torch.equal(total.down[start : start + rank], part.down) and torch.equal(
            total.up[:, start : start + rank], part.up
        ):
            return start
    return None
