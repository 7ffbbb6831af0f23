"""How far the denoiser reads the student's states from the destination's: values without a single run of it.

Of a prompt the denoiser reads states, through layers W alone (cross-attention's K and V in a UNet). What a change e of
a state does to all of them together weighs ``e^T G e`` with ``G = sum of W^T W``. States are compared from the phrase's
last token on, where source and destination are aligned, through the words behind it, the end token and the padding;
where attention runs both ways in the words before it, too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.reading import Reader
from overpaint.backbone.text import Encoded
from overpaint.methods.emcid.context import templates
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.keys import aligned_around, aligned_tail
from overpaint.methods.emcid.memory import Concept

__all__ = ["States", "pairs_of"]


@dataclass(frozen=True)
class _Read:
    """m aligned pairs of states that one reader reads: where they are, whose, and what they should be.

    Attributes:
        root: of the metric (d, d), or None for the identity.
        row, position: (m,) the student's.
        owner: (m,) concept.
        wanted: (m, d) the destination's, times the root.
        start: (n,) squared distance of each concept's unedited states, summed over all readers of the same layers.
    """

    reader: Reader
    root: Tensor | None
    row: Tensor
    position: Tensor
    owner: Tensor
    wanted: Tensor
    start: Tensor

    def distance(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """Squared distance (n,) of each concept."""
        error = _weighed(self.reader.states_in(encoded)[self.row, self.position], self.root) - self.wanted
        return error.new_zeros(len(self.start)).index_add(0, self.owner, error.square().sum(dim=1))

    def take(self, chosen: Tensor, rows: Tensor) -> _Read:
        """Of some concepts, whose rows are marked (p,)."""
        kept = rows[self.row]
        return replace(
            self,
            row=(rows.cumsum(dim=0) - 1)[self.row[kept]],
            position=self.position[kept],
            owner=torch.searchsorted(chosen, self.owner[kept]),
            wanted=self.wanted[kept],
            start=self.start[chosen],
        )


class States:
    """The distances of a batch of concepts, each relative to what it was without an edit."""

    def __init__(
        self, backbone: Backbone, joint: Joint, concepts: Sequence[Concept], metric: str, tail: int | None
    ) -> None:
        """``joint``: of the same concepts, contexts included; ``metric``: ``denoiser`` or ``identity``.

        Layers that read no edited encoder are left out: nothing changes there.
        """
        self._owner, self._concepts = joint.owner, len(concepts)
        self._groups: list[list[_Read]] = []
        asked = [(t, c.source, c.destination or "") for c in concepts for t in templates(c, wide=True)]
        roots = backbone.metrics if metric == "denoiser" else [None] * len(backbone.readings)
        for reading, root in zip(backbone.readings, roots, strict=True):
            readers = [reader for reader in reading.readers if joint.edited.intersection(reader.encoders)]
            if readers:
                found = [_read(reader, root, joint, asked, tail) for reader in readers]
                start = torch.stack([part.distance(joint.sources) for part in found]).sum(dim=0)
                self._groups.append([replace(part, start=start) for part in found])

    def loss(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """Squared distance (n,) left, 1 without an edit and 0 at the destination; the mean over kinds of layers."""
        shares = []
        for group in self._groups:
            left = torch.stack([part.distance(encoded) for part in group]).sum(dim=0)
            start = group[0].start
            shares.append(left / torch.where(start > 0, start, 1))  # nothing to do is done
        return torch.stack(shares).mean(dim=0)

    def take(self, chosen: Tensor) -> States:
        """Of some concepts alone, given by number in rising order (k,) and numbered anew."""
        if len(chosen) == self._concepts:
            return self
        rows = torch.isin(self._owner, chosen)
        part = copy.copy(self)
        part._owner, part._concepts = torch.searchsorted(chosen, self._owner[rows]), len(chosen)
        part._groups = [[one.take(chosen, rows) for one in group] for group in self._groups]
        return part


def pairs_of(
    reader: Reader, template: str, source: str, destination: str, tail: int | None = None
) -> list[tuple[int, int]]:
    """Positions of the same things in two prompts of one template, the phrases' last tokens among them.

    ``tail``: padding tokens at most; None: as many as both have.
    """
    found = [reader.locate(template, phrase) for phrase in (source, destination)]
    a, b = ((one.start, one.last, one.end) for one in found)
    ends = (reader.window, reader.window) if reader.padded else (a[2] + 1, b[2] + 1)
    behind = list(zip(*aligned_tail(a[2], b[2], *ends), strict=True))
    pairs = [*aligned_around(reader.begin, a, b), (a[1], b[1]), *behind[: None if tail is None else tail + 1]]
    return list(dict.fromkeys(pairs))


def _read(
    reader: Reader, root: Tensor | None, joint: Joint, asked: Sequence[tuple[str, str, str]], tail: int | None
) -> _Read:
    places = [(i, *pair) for i, prompt in enumerate(asked) for pair in pairs_of(reader, *prompt, tail)]
    row, position, out_of = torch.tensor(places, device=joint.owner.device).unbind(dim=1)
    with torch.no_grad():
        states = reader.states_in(joint.destinations)[row, out_of]
        if root is not None:
            root = root.to(states.device, torch.promote_types(states.dtype, torch.float32))
        wanted = _weighed(states, root)
    return _Read(reader, root, row, position, joint.owner[row], wanted, wanted.new_zeros(joint.prompts.concepts))


def _weighed(states: Tensor, root: Tensor | None) -> Tensor:
    """States (m, d) times the root, in float32 at least."""
    return states.to(torch.promote_types(states.dtype, torch.float32)) if root is None else states.to(root) @ root
