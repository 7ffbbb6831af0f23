"""The updates of Concept Ablation: a concept's prediction is drawn to its anchor's, on the anchor's pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.esd.objective import errors
from overpaint.methods.esd.student import Student
from overpaint.methods.training.descent import Descent
from overpaint.methods.training.turns import turn
from overpaint.seeding import derive

__all__ = ["Pictures", "Training"]

Read = Callable[[Sequence[str]], Condition]
"""Prompts to n conditions."""


@dataclass(frozen=True)
class Pictures:
    """n pictures and what they are trained for.

    Attributes:
        latents: (n, c, h, w) on the CPU.
        asked: the prompt that the student is given for each. drawn: the prompt that it was drawn from.
    """

    latents: Tensor
    asked: tuple[str, ...]
    drawn: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """One update's noisy latents (n, c, h, w), timesteps (n,), noise (n, c, h, w) and both prompts of each row."""

    x: Tensor
    t: Tensor
    noise: Tensor
    asked: tuple[str, ...]
    drawn: tuple[str, ...]


class Training:
    """A student on its way. ``read`` gives text states with gradients where the student changes the text encoder.

    Attributes:
        loss: of the last update.
    """

    def __init__(
        self,
        backbone: Backbone,
        student: Student,
        read: Read,
        anchors: Pictures,
        kept: Pictures | None,
        config: AblationConfig,
        seed: int,
    ) -> None:
        self.loss: float | None = None
        self.student = student
        self.descent = Descent(student.trained, backbone.dtype, config.rate, config.weight_decay, config.clip)
        self._backbone, self._read, self._config, self._seed = backbone, read, config, seed
        self._anchors, self._kept = anchors, kept

    def run(self, total: int, after: Callable[[int], None]) -> None:
        """Make updates until there are ``total``; ``after`` hears of each."""
        while self.descent.step < total:
            self._update()
            after(self.descent.step)

    def _update(self) -> None:
        config = self._config
        rows = self._rows(self._anchors, "anchor")
        keep = None if self._kept is None else self._rows(self._kept, "keep")
        wanted = keep_wanted = None
        if config.objective == "model" and config.teacher == "original":
            wanted = self._teacher(rows)
        if keep is not None:
            keep_wanted = self._teacher(keep)
        with self.student.acting():
            if config.objective == "model":
                wanted = self._teacher(rows) if wanted is None else wanted
                loss = errors(self._predict(rows, rows.asked), wanted).mean()
            else:
                loss = self._denoising(rows, rows.asked)
            if config.prior > 0:
                loss = loss + config.prior * self._denoising(rows, rows.drawn)
            if keep is not None and keep_wanted is not None:
                loss = loss + config.preserve * errors(self._predict(keep, keep.asked), keep_wanted).mean()
            gradients = self.descent.gradients(loss)
        self.descent.update(gradients)
        self.loss = float(loss.detach())

    @torch.no_grad()
    def _teacher(self, rows: _Rows) -> Tensor:
        """Predictions for the prompts that the pictures were drawn from, by the network as it is now."""
        return self._predict(rows, rows.drawn)

    def _predict(self, rows: _Rows, prompts: Sequence[str]) -> Tensor:
        backbone = self._backbone
        with backbone.in_training(self._config.precision):
            return backbone.predict(rows.x, rows.t, self._read(prompts).like(rows.x))

    def _denoising(self, rows: _Rows, prompts: Sequence[str]) -> Tensor:
        backbone = self._backbone
        with backbone.in_training(self._config.precision):
            made = backbone.predict_noise(rows.x, rows.t, self._read(prompts).like(rows.x))
        return errors(made, rows.noise).mean()

    def _rows(self, pictures: Pictures, name: str) -> _Rows:
        """The rows of the update that is due: a function of its number, so that a stopped run can go on."""
        backbone, step = self._backbone, self.descent.step
        which = turn(len(pictures.latents), self._config.batch, step, derive(self._seed, name, "order"))
        t, noise = [], []
        for place in range(self._config.batch):
            source = torch.Generator("cpu").manual_seed(derive(self._seed, name, step, place))
            t.append(torch.randint(backbone.timesteps, (1,), generator=source))
            noise.append(torch.randn((1, *backbone.latent_shape), generator=source))
        x0 = pictures.latents[which].to(backbone.device, backbone.dtype)
        times, drawn = torch.cat(t).to(x0.device), torch.cat(noise).to(x0)
        chosen = which.tolist()
        return _Rows(
            backbone.add_noise(x0, drawn, times),
            times,
            drawn,
            tuple(pictures.asked[i] for i in chosen),
            tuple(pictures.drawn[i] for i in chosen),
        )
