"""The updates: Adam on the trained tensors alone, from wherever a stopped run had come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.esd.erasures import Texts
from overpaint.methods.esd.objective import errors
from overpaint.methods.esd.pool import Pool, join
from overpaint.methods.esd.sources import Source
from overpaint.methods.esd.student import Student
from overpaint.methods.training.descent import Descent

__all__ = ["Training"]


@dataclass(frozen=True)
class Loss:
    """Of one update: mean squared errors of what is erased and, if anything is, of what is kept."""

    erase: float
    keep: float | None = None


class Training:
    """A student on its way.

    Attributes:
        loss: of the last update.
    """

    def __init__(
        self,
        backbone: Backbone,
        student: Student,
        texts: Texts,
        erasing: Source,
        keeping: Source | None,
        config: EsdConfig,
    ) -> None:
        self.loss: Loss | None = None
        self.student = student
        self._backbone, self._texts, self._config = backbone, texts, config
        self._erasing, self._keeping = erasing, keeping
        self._descent = Descent(student.trained, backbone.dtype, config.rate)

    @property
    def step(self) -> int:
        """Updates made."""
        return self._descent.step

    def run(self, total: int, after: Callable[[int], bool]) -> None:
        """Make updates until there are ``total``; ``after`` hears of each, and says whether it was the last."""
        while self.step < total:
            self._update(total)
            if after(self.step):
                return

    def tensors(self) -> dict[str, Tensor]:
        """All that later updates depend on; see `Descent`."""
        return self._descent.tensors()

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `tensors`."""
        self._descent.resume(state)

    # ---- inside ---------------------------------------------------------------------------------------------------

    def _update(self, total: int) -> None:
        erase = self._erasing.batch(self.step)
        keep = None if self._keeping is None else self._keeping.batch(self.step)
        with self.student.acting():
            error = self._errors(erase if keep is None else join([erase, keep]))
            wrong, moved = error[: len(erase)].mean(), error[len(erase) :]
            loss = wrong if keep is None else wrong + self._config.preserve * moved.mean()
            gradients = self._descent.gradients(loss)
        self._descent.update(gradients, 1 - self.step / total if self._config.falling else 1.0)
        self.loss = Loss(float(wrong.detach()), None if keep is None else float(moved.detach().mean()))

    def _errors(self, rows: Pool) -> Tensor:
        """Squared errors (n,) of the student."""
        backbone = self._backbone
        x = rows.x.to(backbone.device, backbone.dtype)
        given = self._texts.conditions[rows.prompt].like(x)
        with backbone.in_training(self._config.precision):
            made = backbone.predict(x, rows.t.to(x.device), given)
        return errors(made, rows.wanted.to(x.device))
