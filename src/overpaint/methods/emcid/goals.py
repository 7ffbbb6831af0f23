"""What values are optimised for: the text's likeness, its states' as the denoiser reads them, or noise predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.backbone.text import Encoded
from overpaint.methods.emcid.bank import Bank, Drawn
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.states import States

__all__ = ["NOISE", "TEXT", "Goal", "NoiseGoal", "StatesGoal", "TextGoal"]

NOISE, TEXT = 0, 1
"""Columns of a memory's losses."""


class Goal(Protocol):
    """Losses of a batch of concepts.

    Attributes:
        joint: their contexts.
    """

    joint: Joint

    def take(self, chosen: Tensor) -> Goal:
        """The same of some concepts alone, given by their numbers in the whole batch, rising (k,)."""
        ...

    def losses(self, student: Mapping[str, Encoded], steps: Sequence[int]) -> dict[int, Tensor]:
        """Losses (k,) by column; each concept has made its own number of steps."""
        ...

    def validation(self, student: Mapping[str, Encoded], losses: Mapping[int, Tensor]) -> Tensor:
        """A loss (k,) that can be compared from step to step."""
        ...


class TextGoal:
    """The text loss alone: nothing in it is left to chance."""

    def __init__(self, joint: Joint, config: EmcidConfig) -> None:
        self.joint = joint
        self._config = config

    def take(self, chosen: Tensor) -> TextGoal:
        """See `Goal`."""
        return TextGoal(self.joint.take(chosen), self._config)

    def losses(self, student: Mapping[str, Encoded], steps: Sequence[int]) -> dict[int, Tensor]:
        """See `Goal`."""
        return {TEXT: self._config.text_weight * self.joint.text_loss(student, self._config.text_target)}

    def validation(self, student: Mapping[str, Encoded], losses: Mapping[int, Tensor]) -> Tensor:
        """See `Goal`."""
        return losses[TEXT].detach()


class StatesGoal:
    """The distance of states; see `overpaint.methods.emcid.states`."""

    def __init__(self, joint: Joint, states: States) -> None:
        self.joint = joint
        self._states = states

    def take(self, chosen: Tensor) -> StatesGoal:
        """See `Goal`."""
        return StatesGoal(self.joint.take(chosen), self._states.take(chosen))

    def losses(self, student: Mapping[str, Encoded], steps: Sequence[int]) -> dict[int, Tensor]:
        """See `Goal`."""
        return {TEXT: self._states.loss(student)}

    def validation(self, student: Mapping[str, Encoded], losses: Mapping[int, Tensor]) -> Tensor:
        """See `Goal`."""
        return losses[TEXT].detach()


class NoiseGoal:
    """Dual self-distillation (EMCID, section 3.2): noise predictions, and the text loss where there is a destination.

    Validation is on draws of their own, the same at every look.
    """

    def __init__(
        self,
        backbone: Backbone,
        joint: Joint,
        bank: Bank,
        held: Bank | None,
        config: EmcidConfig,
        chosen: Tensor | None = None,
    ) -> None:
        """``held``: draws for validation, if any is asked for; ``chosen``: the concepts' numbers, None: all."""
        self.joint = joint if chosen is None else joint.take(chosen)
        self._of_all = (backbone, joint, bank, held, config)
        self._chosen = range(joint.prompts.concepts) if chosen is None else chosen.tolist()

    def take(self, chosen: Tensor) -> NoiseGoal:
        """See `Goal`."""
        return NoiseGoal(*self._of_all, chosen)

    def losses(self, student: Mapping[str, Encoded], steps: Sequence[int]) -> dict[int, Tensor]:
        """See `Goal`."""
        _, _, bank, _, config = self._of_all
        found = {NOISE: self._distance(self.joint.condition(student), bank.at(self._chosen, steps))}
        if config.text_weight > 0 and self.joint.destinations:
            found[TEXT] = config.text_weight * self.joint.text_loss(student, config.text_target)
        return found

    @torch.no_grad()
    def validation(self, student: Mapping[str, Encoded], losses: Mapping[int, Tensor]) -> Tensor:
        """See `Goal`."""
        *_, held, _ = self._of_all
        assert held is not None
        condition = self.joint.condition(student)
        drawn = [held.at(self._chosen, [number] * len(self._chosen)) for number in range(held.size)]
        noise = torch.stack([self._distance(condition, one) for one in drawn]).mean(dim=0)
        return noise + losses[TEXT].detach() if TEXT in losses else noise

    def _distance(self, condition: Condition, drawn: Drawn) -> Tensor:
        """Mean squared error (k,) of the student's noise predictions."""
        backbone, *_, config = self._of_all
        x_t, t, wanted = drawn
        with backbone.in_training(config.precision):
            made = backbone.predict_noise(x_t, t, condition.like(x_t))
        owner = self.joint.owner
        # an offloaded denoiser computes elsewhere than the text encoders are
        per_row = (made.float() - wanted.float()).square().flatten(1).mean(dim=1).to(owner.device)
        total = per_row.new_zeros(self.joint.prompts.concepts).index_add(0, owner, per_row)
        return total / torch.bincount(owner)
