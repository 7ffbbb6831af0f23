"""What a guard remembers of the drawing that goes on, and where it notices that another one begins."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from overpaint.guards.rules import Momentum, Rule
from overpaint.guards.widening import States

__all__ = ["Drawing", "Encode"]

Encode = Callable[[str, int], States]
"""The states of a text, for a denoiser that reads so many of each prompt; 0: as many as there are."""


class Drawing:
    """A rule, and its memory of one drawing."""

    def __init__(self, rule: Rule, encode: Encode) -> None:
        self.rule = rule
        self.encode = encode
        self.memory = Momentum()
        self.states: States | None = None
        self.rows = 0
        self.first = self.last = float("-inf")
        self.shape: tuple[int, ...] = ()
        self.begun = True

    def begin(self) -> None:
        """Text is read: the next guided prediction begins a drawing, of which nothing is known."""
        self.begun, self.states = True, None

    def read(self, rows: int) -> States:
        """What is avoided, for a denoiser that reads ``rows`` states of each prompt."""
        if self.states is None or rows != self.rows:
            states = self.encode(self.rule.concept, rows)
            self.states, self.rows = states, rows  # reading it began a drawing
        return self.states

    def concept(self, t: float, shape: tuple[int, ...], rows: int) -> States:
        """What is avoided, as of `read`; asked for at each guided prediction.

        Everything else is forgotten where a new drawing begins: text was read, or another batch of the same texts is
        drawn. Time runs backwards within a drawing, and no sampler repeats the first time (some do others; times that
        are rounded to bfloat16 may repeat it where there are a hundred steps, which then count from there).
        """
        if self.begun or t > self.last or t == self.first or shape != self.shape:
            self.memory = Momentum()
            self.first, self.shape = t, shape
        self.last = t
        states = self.read(rows)
        self.begun = False
        return states

    def bend(self, without: Tensor, along: Tensor, avoided: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Rule`."""
        bent = self.rule.bend(without, along, avoided, self.memory)
        self.memory.step += 1
        return bent
