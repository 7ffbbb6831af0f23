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

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reader
from overpaint.methods.closed_form.aims import Aim, aims_of
from overpaint.methods.closed_form.config import MapConfig
from overpaint.methods.closed_form.kept import Kept, kept_of
from overpaint.methods.closed_form.pairs import Pairs, pairs_of
from overpaint.methods.closed_form.text_map import solved
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
    """

    names: tuple[tuple[str, str], ...]
    together: Tensor
    alone: Tensor

    def made_up(self, factors: Factors) -> Factors:
        """Those that do in company what ``factors`` do alone."""
        return self._named(torch.linalg.solve(self.together, self.alone @ self._flat(factors)))

    def undone(self, factors: Factors) -> Factors:
        """Those that do alone what ``factors`` do in company: the way back."""
        return self._named(torch.linalg.solve(self.alone, self.together @ self._flat(factors)))

    def _flat(self, factors: Factors) -> Tensor:
        return torch.tensor([factors[source][name] for source, name in self.names]).to(self.together)

    def _named(self, flat: Tensor) -> Factors:
        found: Factors = {}
        for (source, name), factor in zip(self.names, flat.tolist(), strict=True):
            found.setdefault(source, {})[name] = factor
        return found


def company_of(
    backbone: Backbone,
    plan: Plan,
    config: MapConfig,
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
    kept = Kept.join([kept_of(backbone, reader, plan, config, store, progress, captions) for reader in readers])
    aims = {reader.name: aims_of(reader, plan, config) for reader in readers}
    others = [pairs_of(r, rest, config.tokens) for r in readers if (rest := [a for a in aims[r.name] if not a.keep])]
    root = config.strength**0.5
    held = Kept(kept.fixed, torch.cat([kept.soft, *(root * pairs.keys for pairs in others)], dim=1), kept.moment)

    debiased = [aim for aim in aims[readers[0].name] if aim.keep]
    most = max(len(aim.parts) for aim in debiased)
    found = [[_pairs(readers, aim, part, config) for part in range(most)] for aim in debiased]
    keys = torch.cat([parts[0].keys for parts in found], dim=1)
    phrases = [torch.cat([parts[k].targets for parts in found], dim=1) for k in range(most)]
    reach = root * solved(root * keys, torch.eye(keys.shape[1]).to(keys), held, config.lambda_).matrix @ keys

    sizes = torch.tensor([parts[0].keys.shape[1] for parts in found], device=keys.device)
    count = len(debiased)
    member = torch.eye(count).to(keys).repeat_interleave(sizes, dim=0)
    moved = torch.zeros(most, count, most, count).to(keys)
    for k, other in product(range(most), repeat=2):
        moved[k, :, other] = member.mT @ ((phrases[k].mT @ phrases[other]) * reach.mT) @ member
    at = [(s, k) for s, aim in enumerate(debiased) for k in range(len(aim.parts))]
    s, k = (torch.tensor(column, device=keys.device) for column in zip(*at, strict=True))
    together = moved[k, s][:, k, s].cpu()
    alone = together * (s[:, None] == s).cpu()
    names = tuple((aim.source, name) for aim in debiased for name, _ in aim.parts)
    return Company(names, together + DAMPING * alone, (1 + DAMPING) * alone)


def _pairs(readers: Sequence[Reader], aim: Aim, part: int, config: MapConfig) -> Pairs:
    """A source's states, and those of one of its destinations at the same places; nothing if it has not so many."""
    alone = tuple((phrase, float(k == part)) for k, (phrase, _) in enumerate(aim.parts))
    return Pairs.join([pairs_of(reader, [Aim(aim.source, aim.templates, alone)], config.tokens) for reader in readers])
