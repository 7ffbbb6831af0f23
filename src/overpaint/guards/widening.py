"""One call of a denoiser with rows for a concept, put in place of others or behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from overpaint.guards.layout import Layout

__all__ = ["States", "replaced", "widened"]

_POOLED = ("text_embeds", "pooled_projections")
"""The pooled state, as UNets and as transformers call it."""


@dataclass(frozen=True)
class States:
    """What a denoiser is told of one text: token states (1, w, d); a pooled state (1, p) where it takes one."""

    tokens: Tensor
    pooled: Tensor | None = None


def widened(asked: Mapping[str, Any], layout: Layout, states: States) -> dict[str, Any]:
    """The call with its second half once more, for the concept."""
    rows = len(asked[layout.latents])
    wider = {name: _with_third(value, rows, layout.listed) for name, value in asked.items()}
    return replaced(wider, layout, states, slice(rows, None))


def replaced(asked: Mapping[str, Any], layout: Layout, states: States, place: slice) -> dict[str, Any]:
    """The call with the concept's text in all rows of ``place``."""
    changed = dict(asked)
    texts = asked[layout.texts]
    if layout.listed:
        changed[layout.texts] = list(texts)
        changed[layout.texts][place] = [states.tokens[0].to(text) for text in texts[place]]
        return changed
    tokens = states.tokens
    width = max(texts.shape[1], tokens.shape[1])
    if layout.mask is not None:
        read = asked.get(layout.mask)
        read = torch.ones(texts.shape[:2], dtype=torch.bool, device=texts.device) if read is None else read
        read = pad(read, (0, width - texts.shape[1]))
        read[place] = (torch.arange(width, device=read.device) < tokens.shape[1]).to(read)
        changed[layout.mask] = None if bool(read.all()) else read
        texts, tokens = (pad(part, (0, 0, 0, width - part.shape[1])) for part in (texts, tokens))
    changed[layout.texts] = _put(texts, place, tokens)
    for given in (changed, added := dict(asked.get("added_cond_kwargs") or {})):
        for name in _POOLED:
            if states.pooled is not None and name in given:
                given[name] = _put(given[name], place, states.pooled)
    if added:
        changed["added_cond_kwargs"] = added
    return changed


def _with_third(value: Any, rows: int, listed: bool) -> Any:
    """What there is per row, with the second half once more."""
    if isinstance(value, Mapping):
        return {name: _with_third(one, rows, listed) for name, one in value.items()}
    if isinstance(value, Tensor):
        return torch.cat([value, value[rows // 2 :]]) if value.ndim and len(value) == rows else value
    if not isinstance(value, list | tuple):
        return value
    if len(value) == rows and (listed or not isinstance(value[0], Tensor)):
        return [*value, *value[rows // 2 :]]
    # what a ControlNet adds: a tensor of all rows for each block
    return type(value)(_with_third(one, rows, listed) for one in value)


def _put(rows: Tensor, place: slice, row: Tensor) -> Tensor:
    """A copy of ``rows`` with ``row`` (1, ...) in all rows of ``place``."""
    changed = rows.clone()
    changed[place] = row.to(rows)
    return changed
