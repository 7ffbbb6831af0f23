"""The optimisation behind Stage I: many concepts at a time, each with its own steps, none with a say in another's.

Losses are sums of per-concept means, Adam works element by element, the clamp row by row. A batch therefore gives what
its concepts would give one by one, up to rounding. Where concepts may stop early, the next one takes the free place.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from overpaint.backbone.gradients import gradients
from overpaint.backbone.precision import in_training
from overpaint.backbone.text import Encoded
from overpaint.methods.emcid.adam import Adam, clamp_rows
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.goals import Goal
from overpaint.methods.emcid.stopping import CHECK, Plateau
from overpaint.progress import Advance

__all__ = ["REGULAR", "search"]

REGULAR = 2
"""Column of the regulariser in a memory's losses."""


def search(goal: Goal, start: Tensor, config: EmcidConfig, advance: Advance | None = None) -> tuple[Tensor, Tensor]:
    """Delta (n, width) of a batch of concepts and the losses (n, 3) at its last step, from ``start`` (n, width) on.

    With ``config.patience`` they are those at the last fall of the validation loss, NaN if there was none.
    ``advance(k)`` tells of the steps of k concepts, ``config.steps`` times n in all.
    """
    run = _Run(goal, start, config)
    while len(run.active):
        told = run.step()
        if advance is not None:
            advance(told)
    return run.found, run.losses


class _Run:
    """Where all concepts are.

    Attributes:
        active: numbers (k,) of those that are learned now, rising.
        found, losses: of those that are done.
    """

    def __init__(self, goal: Goal, start: Tensor, config: EmcidConfig) -> None:
        joint = goal.joint
        self._whole, self._goal = goal, goal
        self._config = config
        self._steps = config.steps
        self._norms = torch.stack([part.norm(dim=1) for part in joint.split(joint.v0)], dim=1)
        self.active = torch.tensor([], dtype=torch.long)
        self._waiting = torch.arange(len(start))
        self._made = torch.zeros(len(start), dtype=torch.long)
        self._delta = self._clamped(start.detach().clone(), self._waiting)
        self._adam = Adam(start, config.rate)
        self._plateau = None if config.patience is None else Plateau(len(start), config.patience, config.flat)
        self.found = self._delta if self._plateau is None else torch.full_like(start, torch.nan)
        self.losses = torch.full((len(start), 3), torch.nan)
        self._refill()

    def step(self) -> int:
        """One step of every active concept; returns how many that is, with those that who stops early will not make."""
        at, made = self.active, self._made[self.active]
        value = self._delta[at].requires_grad_()
        joint = self._goal.joint
        with in_training(joint.prompts.ids.device, self._config.precision, joint.prompts.ids.shape[1]):
            student = joint.student(value)
        losses = self._goal.losses(student, made.tolist())
        losses[REGULAR] = self._config.weight_decay * self._relative(value, at)
        total = torch.stack([loss.sum() for loss in losses.values()]).sum()
        (gradient,) = gradients(total, [value], joint.dtype)
        value = value.detach()
        if self._plateau is None:
            self._tell(losses, at, torch.ones_like(at, dtype=torch.bool))
            done = made + 1 == self._steps
        else:
            done = self._look(self._plateau, value, student, losses)
        self._delta[at] = self._clamped(self._adam.step(at, value, gradient), at)
        self._made[at] += 1
        if done.any():
            self.active = at[~done]
            self._refill()
        return int(torch.where(done, self._steps - made, 1).sum())

    def _look(
        self, plateau: Plateau, value: Tensor, student: Mapping[str, Encoded], losses: Mapping[int, Tensor]
    ) -> Tensor:
        """Who is done (k,): the value before the step is kept where its loss has fallen."""
        at, made = self.active, self._made[self.active]
        due = (made % CHECK == 0) | (made == self._steps)
        done = made == self._steps
        if due.any():
            validation = self._goal.validation(student, losses).cpu()
            fallen, flat = plateau.look(at[due], made[due], validation[due])
            better = due.clone()
            better[due] = fallen
            self.found[at[better]] = value[better]
            self._tell(losses, at, better)
            done[due] |= flat
        return done

    def _tell(self, losses: Mapping[int, Tensor], at: Tensor, which: Tensor) -> None:
        for column, loss in losses.items():
            self.losses[at[which], column] = loss.detach().float().cpu()[which]

    def _refill(self) -> None:
        room = self._config.together - len(self.active)
        entering, self._waiting = self._waiting[:room], self._waiting[room:]
        self.active = torch.cat([self.active, entering])
        if len(self.active):
            self._goal = self._whole.take(self.active.to(self._delta.device))

    def _clamped(self, rows: Tensor, at: Tensor) -> Tensor:
        parts = zip(self._whole.joint.split(rows), self._norms[at].unbind(dim=1), strict=True)
        return torch.cat([clamp_rows(part, self._config.clamp * norm) for part, norm in parts], dim=1)

    def _relative(self, rows: Tensor, at: Tensor) -> Tensor:
        """``||delta|| / ||v0||^2`` (k,), summed over encoders."""
        parts = zip(self._whole.joint.split(rows), self._norms[at].unbind(dim=1), strict=True)
        return torch.stack([part.norm(dim=1) / norm.square() for part, norm in parts]).sum(dim=0)
