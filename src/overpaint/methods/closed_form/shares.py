"""How much of each destination is in a name, as far as text states tell."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from overpaint.backbone.reading import Reader
from overpaint.methods.closed_form.states import read_states
from overpaint.plan import Edit

__all__ = ["text_shares"]


def text_shares(reader: Reader, edit: Edit, templates: Sequence[str]) -> dict[str, float]:
    """Affine coordinates b, summing to 1, of the source's state among its destinations' (least squares).

    With ``g = c + sum_k (wanted_k - b_k) e_k`` the coordinates of g are the wanted shares, and what of c is no mixture
    of destinations stays: where iterating ``a <- a + wanted - b(g)`` would end. Negative shares are possible. States
    are those of last tokens, over all templates together.
    """
    names = list(edit.over or {})
    rows = [[reader.locate(template, phrase) for template in templates] for phrase in (edit.source, *names)]
    flat = [found for row in rows for found in row]
    states = read_states(reader, [found.prompt for found in flat], max(found.last for found in flat) + 1)
    at = states[torch.arange(len(flat)), torch.tensor([found.last for found in flat])]
    own, *others = at.reshape(len(rows), -1)
    first, *rest = others
    if not rest:
        return {names[0]: 1.0}
    directions = torch.stack([other - first for other in rest], dim=1)
    found = torch.linalg.lstsq(directions, (own - first)[:, None]).solution[:, 0].tolist()
    return dict(zip(names, [1.0 - sum(found), *found], strict=True))
