"""Patches on a model, and off again to the last bit.

The original tensors are kept and copied back, never recovered by subtraction. Each parameter carries the stack of
patches that lie on it: a later patch is recognised as such, compared with the base under the others, and must go first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.errors import PatchError
from overpaint.linear.precision import exact
from overpaint.patch.delta import Delta

__all__ = ["Applied", "base_of", "put"]

_STACK = "_overpaint_applied"


class Applied:
    """A patch that lies on a model; `remove` takes it off."""

    def __init__(self) -> None:
        self._originals: dict[str, tuple[nn.Parameter, Tensor]] = {}

    @property
    def active(self) -> bool:
        """Whether it has not been removed yet."""
        return bool(self._originals)

    def remove(self) -> None:
        """Restore every bit of the parameters as they were before this patch; a second time does nothing.

        If the model was cast or moved in between, the originals follow. Raises PatchError, and changes nothing, if
        another patch was put on one of them later and is still there.
        """
        for name, (parameter, _) in self._originals.items():
            if _stack(parameter)[-1] is not self:
                raise PatchError(f"patch on {name}: another patch was applied after it; remove that one first")
        for parameter, original in self._originals.values():
            _write(parameter, original)
            _stack(parameter).pop()
        self._originals.clear()


def put(
    parameters: Mapping[str, nn.Parameter],
    deltas: Mapping[str, Delta],
    bases: Mapping[str, Tensor] | None = None,
    *,
    removable: bool = True,
) -> Applied:
    """Add each delta to its parameter: ``W <- (W + delta)`` in float64, rounded once to the parameter's type.

    Shapes are expected to fit. ``bases`` are the values that the deltas were made for (the parameters' own ones if not
    given). Two names of one tensor count once. An exception on the way leaves all as it was; but if it is not to be
    ``removable``, for which nothing is kept, half done.

    Raises PatchError, and changes nothing, if two names of one tensor ask for different changes, or if what is to stay
    would lie on a patch that can be removed.
    """
    bases = parameters if bases is None else bases
    chosen = _distinct(parameters, deltas, bases)
    applied = Applied()
    try:
        # all of them before any change: between its large temporaries they would leave the memory full of holes
        for name in chosen:
            parameter = parameters[name]
            if removable:
                applied._originals[name] = (parameter, parameter.detach().clone())
                _stack(parameter).append(applied)
            elif _stack(parameter):
                raise PatchError(f"patch on {name}: another patch lies under it; remove that one first")
        for name in chosen:
            _add(parameters[name], deltas[name].of(exact(bases[name].detach())))
    except BaseException:
        applied.remove()
        raise
    return applied


def base_of(parameter: nn.Parameter) -> Tensor:
    """The parameter's value without the patches that lie on it, of the same shape."""
    stack = _stack(parameter)
    if not stack:
        return parameter
    return next(original for p, original in stack[0]._originals.values() if p is parameter)


def _distinct(
    parameters: Mapping[str, nn.Parameter], deltas: Mapping[str, Delta], bases: Mapping[str, Tensor]
) -> list[str]:
    """One name of each tensor. Raises PatchError as `put` does."""
    chosen: dict[tuple[int, int], str] = {}
    for name, delta in deltas.items():
        first = chosen.setdefault((parameters[name].data_ptr(), parameters[name].numel()), name)
        if first != name:
            base = exact(bases[name].detach())
            if not torch.equal(deltas[first].of(base), delta.of(base)):
                raise PatchError(f"patch on {name}: is one tensor with {first} here, changed differently")
    return list(chosen.values())


def _add(parameter: nn.Parameter, change: Tensor) -> None:
    _write(parameter, (exact(parameter.detach()) + change.reshape(parameter.shape)).to(parameter.dtype))


@torch.no_grad()
def _write(parameter: nn.Parameter, value: Tensor) -> None:
    parameter.copy_(value)


def _stack(parameter: nn.Parameter) -> list[Applied]:
    holder: Any = parameter
    if not hasattr(holder, _STACK):
        setattr(holder, _STACK, [])
    stack: list[Applied] = getattr(holder, _STACK)
    return stack
