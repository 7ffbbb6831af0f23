"""The model being trained and its teacher in one denoiser: selected parameters are put in their places and taken out.

Outside of `Student.acting` the denoiser is the original one, to the bit; within it, the student, whose trained tensors
are float32 whatever the model's type. Everything else is shared, and nothing but the trained tensors gets gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor

from overpaint.methods.esd.selection import Slot
from overpaint.patch import Delta, Dense

__all__ = ["DenseStudent", "Student"]


class Student(Protocol):
    """What training and validation ask of a student.

    Attributes:
        trained: float32 leaves by name, in a fixed order; they are written to in place.
    """

    trained: dict[str, Tensor]

    def acting(self, scale: float = 1.0) -> AbstractContextManager[object]:
        """The denoiser with the change times ``scale``; gradients reach `trained`."""
        ...

    def deltas(self, scale: float = 1.0) -> dict[str, Delta]:
        """The change so far, times ``scale``, by canonical parameter name."""
        ...


class DenseStudent:
    """Whole tensors are trained."""

    def __init__(self, slots: Sequence[Slot], device: torch.device | None = None) -> None:
        """``device``: where the denoiser computes, if it is brought there for that alone (CPU offload)."""
        self._slots = {slot.name: slot for slot in slots}
        self._original = {name: slot.value for name, slot in self._slots.items()}
        self.trained: dict[str, Tensor] = {
            name: value.detach().to(device, torch.float32, copy=True).requires_grad_()
            for name, value in self._original.items()
        }

    @contextmanager
    def acting(self, scale: float = 1.0) -> Iterator[None]:
        """See `Student`."""
        try:
            for name, slot in self._slots.items():
                slot.put(self._at(name, scale))
            yield
        finally:
            for name, slot in self._slots.items():
                slot.put(self._original[name])

    def deltas(self, scale: float = 1.0) -> dict[str, Delta]:
        """See `Student`."""
        return {
            name: Dense(scale * (value.detach().cpu().double() - self._original[name].detach().cpu().double()))
            for name, value in self.trained.items()
        }

    def _at(self, name: str, scale: float) -> Tensor:
        value, original = self.trained[name], self._original[name]
        if scale != 1.0:
            value = torch.lerp(original.float(), value, scale)
        return value.to(original.dtype)
