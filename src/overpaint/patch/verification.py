"""Whether a patch comes off without a trace, and whether an edited copy is what it claims to be."""

from __future__ import annotations

from typing import Any

import torch

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.errors import BackboneError
from overpaint.linear.precision import exact
from overpaint.patch.patch import Patch

__all__ = ["first_difference", "leaves_no_trace"]


def leaves_no_trace(patch: Patch, pipe: Any) -> str | None:
    """The name of a parameter that putting the patch on and taking it off does not restore; None if there is none."""
    before = {name: resolve(pipe, name).detach().clone() for name in patch.deltas}
    with patch.applied_to(pipe):
        pass
    return next((name for name, value in before.items() if not torch.equal(resolve(pipe, name), value)), None)


def first_difference(patch: Patch, pipe: Any, copy: Any) -> str | None:
    """The name of a parameter in which ``copy`` is not ``pipe`` with the patch, None if it is that to the bit.

    The base is changed in its own type and then rounded to the copy's, as an edited copy is written.
    """
    for name, base in named_parameters(pipe).items():
        try:
            found = resolve(copy, name).detach().cpu()
        except BackboneError:
            return name
        expected = base.detach().cpu()
        if name in patch.deltas:
            change = patch.deltas[name].of(exact(expected))
            expected = (exact(expected) + change.reshape(expected.shape)).to(base.dtype)
        if not torch.equal(expected.to(found.dtype), found):
            return name
    return None
