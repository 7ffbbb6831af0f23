"""How sources that are debiased together move each other, and factors that make up for it.

One map answers for all of them. Asked to move the states ``C_j`` of source j by ``sum_l a_jl E_jl``, E_jl the states of
its destinations in the same prompts, it moves those of source s by

    sum_l a_jl E_jl H_js,    H = C^T (lambda I + M + C C^T)^-1 C,

M being what must stay (`text_map`): nearly as far as j's where both read alike. A source that draws in its shares
leaves them as soon as the factors of another one change, so that counting and correcting does not come to an end.

All of this is linear before any picture is drawn. Along its own destinations, source s is moved by
``<E_sk, sum_j sum_l a_jl E_jl H_js> = (B a)_sk``; the part of it that its own factors do is ``(B_ss a_s)_k``. So

    a = B^-1 blockdiag(B) a'

moves every source as far along its destinations as ``a'_s`` does with all other factors at nought. B is symmetric and
semi-definite. This is ours; UCE (arXiv 2308.14761) corrects all sources as if they were alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reader
from overpaint.methods.closed_form.aims import Aim, aims_of
from overpaint.methods.closed_form.config import UceConfig
from overpaint.methods.closed_form.kept import kept_of
from overpaint.methods.closed_form.pairs import Pairs, pairs_of
from overpaint.methods.closed_form.text_map import text_map
from overpaint.methods.debiasing import Factors
from overpaint.methods.store import MemoryStore
from overpaint.plan import Plan
from overpaint.progress import Progress

__all__ = ["Company", "company_of"]

DAMPING = 0.05
"""Share of blockdiag(B) that is added to B: factors of sources that read alike do not grow without bound."""


@dataclass(frozen=True)
class Company:
    """What factors do in company, and what they do alone.

    Attributes:
        names: m pairs of source and destination.
        together: B (m, m), damped, float64.
        alone: its part of each source with itself, damped alike.
        lengths: by source, the factor that moves it alone by the length of its own states, towards one destination and
            away from that farthest from it.
        given: the plan's own factors, from its settings or from text.
    """

    names: tuple[tuple[str, str], ...]
    together: Tensor
    alone: Tensor
    lengths: Mapping[str, float]
    given: Factors

    def made_up(self, factors: Factors) -> Factors:
        """Those that do in company what ``factors`` do alone."""
        return self._solved(self.together, self.alone, factors)

    def undone(self, factors: Factors) -> Factors:
        """Those that do alone what ``factors`` do in company: the way back."""
        return self._solved(self.alone, self.together, factors)

    def _solved(self, left: Tensor, right: Tensor, factors: Factors) -> Factors:
        given = torch.tensor([factors[source][name] for source, name in self.names], dtype=left.dtype)
        # a source that what must stay holds altogether has nothing but zeros
        flat = torch.linalg.pinv(left, hermitian=True) @ (right @ given)
        found: Factors = {}
        for (source, name), factor in zip(self.names, flat.tolist(), strict=True):
            found.setdefault(source, {})[name] = factor
        return found


def company_of(
    backbone: Backbone,
    plan: Plan,
    config: UceConfig,
    *,
    store: MemoryStore,
    progress: Progress,
    captions: Sequence[str] | None = None,
) -> Company:
    """How a plan's debiased sources move each other where the model's first layers read them.

    Raises:
        PlanError: the plan does not fit the model.
        OverpaintError: no captions where the settings want their second moment.
    """
    readers = backbone.readings[0].readers
    kept = kept_of(backbone, readers, plan, config, store, progress, captions)
    aims = {reader.name: aims_of(reader, plan, config) for reader in readers}
    debiased = [aim for aim in aims[readers[0].name] if aim.keep]
    pairs = [[_pairs(readers, aim, name, config) for name, _ in aim.parts] for aim in debiased]
    rest = [pairs_of(r, others, config.tokens) for r in readers if (others := [a for a in aims[r.name] if not a.keep])]
    keys = torch.cat([*(phrases[0].keys for phrases in pairs), *(part.keys for part in rest)], dim=1)
    sizes = [phrases[0].keys.shape[1] for phrases in pairs]

    columns: list[Tensor] = []
    with progress.task("what sources do to each other", total=len(debiased), unit="concept") as advance:
        for phrases, first in zip(pairs, accumulate(sizes, initial=0), strict=False):
            for phrase in phrases:
                targets = keys.clone()
                targets[:, first : first + phrase.keys.shape[1]] += phrase.targets
                change = text_map(Pairs(keys, targets).scaled(config.strength), kept, config.lambda_)
                moved = (change.up @ (change.down @ keys)).split([*sizes, keys.shape[1] - sum(sizes)], dim=1)
                along = [(other.targets * moved[s]).sum() for s, others in enumerate(pairs) for other in others]
                columns.append(torch.stack(along).cpu())
            advance(1)
    together = torch.stack(columns, dim=1)
    owner = torch.tensor([s for s, phrases in enumerate(pairs) for _ in phrases])
    alone = together * (owner[:, None] == owner)
    names = tuple((aim.source, name) for aim in debiased for name, _ in aim.parts)
    blocks = [alone[owner == s][:, owner == s] for s in range(len(pairs))]
    lengths = {aim.source: _length(p, own) for aim, p, own in zip(debiased, pairs, blocks, strict=True)}
    given = {aim.source: dict(aim.parts) for aim in debiased}
    return Company(names, together + DAMPING * alone, (1 + DAMPING) * alone, lengths, given)


def _length(phrases: Sequence[Pairs], alone: Tensor) -> float:
    """The factor of one destination, with its opposite of that farthest from it, that moves a source by its length."""
    apart = torch.stack([torch.stack([(a.targets - b.targets).norm() for b in phrases]) for a in phrases]).cpu()
    first, second = divmod(int(apart.argmax()), len(phrases))
    moved = alone[first, first] + alone[second, second] - alone[first, second] - alone[second, first]
    return float(phrases[0].keys.norm() * apart.max() / moved) if moved > 0 else 0.0


def _pairs(readers: Sequence[Reader], aim: Aim, phrase: str, config: UceConfig) -> Pairs:
    """A source's states, and those of one of its destinations at the same places."""
    alone = tuple((name, float(name == phrase)) for name, _ in aim.parts)
    return Pairs.join([pairs_of(reader, [Aim(aim.source, aim.templates, alone)], config.tokens) for reader in readers])
