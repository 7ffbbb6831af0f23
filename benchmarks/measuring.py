"""What measurements of cost share: presets, numbers, processes of their own, memory, clocks, evaluations."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from overpaint.methods.work import BACKWARD
from overpaint.progress import Advance

__all__ = ["NUMBERS", "PRESETS", "Clock", "Evaluations", "alone", "peak"]

Found = dict[str, Any]

PRESETS = ("emcid", "emcid-copy", "emcid-paper")
NUMBERS = (1, 10, 100, 1000)
"""Of concepts."""


def alone(work: Callable[[], Found]) -> Found:
    """What ``work`` gives in a process of its own, whose most memory is its own, too."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: Found = pool.apply(work)
        return found


def peak() -> int:
    """Bytes of the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@dataclass
class Clock:
    """A `Progress` that nobody sees: seconds by task."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def task(self, name: str, total: int | None = None, unit: str = "it") -> Iterator[Advance]:
        """Open a task; its time counts for all that it lasts, tasks inside it included."""
        start = time.perf_counter()
        try:
            yield lambda *_, **__: None
        finally:
            self.seconds[name] += time.perf_counter() - start


@dataclass
class Evaluations:
    """Of a denoiser on one latent, counted while it is watched; a backward pass counts as two."""

    count: int = 0

    @contextmanager
    def of(self, denoiser: torch.nn.Module) -> Iterator[None]:
        """Count what goes through."""

        def see(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else getattr(output, "sample", output)
            assert isinstance(first, Tensor)
            self.count += len(first) * (1 + BACKWARD * first.requires_grad)

        handle = denoiser.register_forward_hook(see, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()
