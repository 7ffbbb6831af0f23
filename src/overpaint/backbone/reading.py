"""What some layers of a denoiser read of a prompt, token by token: where closed-form edits find their inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overpaint.backbone.subject import Subject
from overpaint.backbone.text import Encoded, TextEncoder
from overpaint.linear.moments import SecondMoment

__all__ = ["Joined", "Mapped", "Pooled", "Reader", "Reading"]


class Reader(Protocol):
    """A text encoder, or several side by side: prompts in, the states that the denoiser reads out.

    Attributes:
        name: of the pipeline's components that it is made of.
        encoders: the names of these, one by one.
        width: of the states.
        window: positions of a row.
        begin: positions before the prompt's own, whose states are the same in every prompt.
        padded: whether padding behind the prompt is read, too.
    """

    name: str
    width: int
    window: int
    begin: int
    padded: bool

    @property
    def encoders(self) -> tuple[str, ...]:
        """See above."""
        ...

    @property
    def tokenizer(self) -> Any:
        """What positions are counted by."""
        ...

    def tokenize(self, prompts: Sequence[str]) -> Tensor:
        """Token ids (n, window)."""
        ...

    def locate(self, template: str, subject: str) -> Subject:
        """Where a phrase stands; see `overpaint.backbone.subject.locate`."""
        ...

    def locate_empty(self, template: str = "{}") -> Subject:
        """The template with an empty slot."""
        ...

    def end_positions(self, ids: Tensor) -> Tensor:
        """Position (n,) of the first end token."""
        ...

    def encode(self, prompts: Sequence[str], length: int | None = None) -> Tensor:
        """States (n, window, width), or of the first ``length`` positions."""
        ...

    def states_in(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """The same (n, w, width) from its encoders' work on n prompts, by name; gradients flow."""
        ...


@dataclass(frozen=True)
class Reading:
    """Layers that read the same.

    Attributes:
        readers: what they read: one, or several whose rows follow each other, all of one width.
        layers: the layers by canonical weight name, weight (., width).
    """

    readers: tuple[Reader, ...]
    layers: Mapping[str, nn.Linear]

    def gram(self) -> Tensor:
        """``G = sum of W^T W`` over the layers (width, width), float64: ``e^T G e`` is what they make of a change e."""
        first, *rest = (SecondMoment.of(layer.weight) for layer in self.layers.values())
        return sum(rest, start=first).total


class Joined:
    """Encoders with one vocabulary whose states stand side by side at each position (SDXL's two)."""

    def __init__(self, texts: Sequence[TextEncoder], width: int | None = None) -> None:
        """``width``: filled up with zeros to it."""
        self._texts = list(texts)
        first = self._texts[0]
        self.encoders = tuple(text.name for text in self._texts)
        self.name = "+".join(self.encoders)
        own = sum(text.width for text in self._texts)
        self.width = width or own
        self._empty = self.width - own
        self.window, self.begin, self.padded, self.tokenizer = first.window, first.begin, True, first.tokenizer
        self.tokenize, self.end_positions = first.tokenize, first.end_positions
        self.locate, self.locate_empty = first.locate, first.locate_empty

    def encode(self, prompts: Sequence[str], length: int | None = None) -> Tensor:
        """See `Reader`."""
        return self._side_by_side([text.encode(prompts, length) for text in self._texts])

    def states_in(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """See `Reader`."""
        return self._side_by_side([encoded[name].states for name in self.encoders])

    def _side_by_side(self, parts: Sequence[Tensor]) -> Tensor:
        states = torch.cat([part.to(parts[0].device) for part in parts], dim=-1)
        return F.pad(states, (0, self._empty)) if self._empty else states


def _as_it_is(states: Tensor) -> Tensor:
    return states


class Mapped:
    """An encoder whose states reach the denoiser's layers in another form than it computes with.

    States of several depths stand side by side, or the denoiser changes them one by one before it reads them (a norm).
    """

    def __init__(self, text: TextEncoder, change: Callable[[Tensor], Tensor] = _as_it_is) -> None:
        """``change``: of states (n, w, given), which keeps their shape."""
        self._text, self._change = text, change
        self.encoders = text.encoders
        self.name, self.width, self.window = text.name, text.given, text.window
        self.begin, self.padded, self.tokenizer = text.begin, text.padded, text.tokenizer
        self.tokenize, self.end_positions = text.tokenize, text.end_positions
        self.locate, self.locate_empty = text.locate, text.locate_empty

    @torch.no_grad()
    def encode(self, prompts: Sequence[str], length: int | None = None) -> Tensor:
        """See `Reader`."""
        return self._change(self._text.encode(prompts, length))

    def states_in(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """See `Reader`."""
        return self._change(self._text.states_in(encoded))


class Pooled:
    """What is read of a text as a whole: one vector for each prompt, which stands as the only position of a row.

    The vector of the empty prompt takes the part of what precedes every prompt: it is the one that others start from.
    """

    window = 1
    begin = 1
    padded = False

    def __init__(self, texts: Sequence[TextEncoder], width: int) -> None:
        """``width`` of all vectors together, which stand side by side."""
        self._texts = list(texts)
        self.encoders = tuple(text.name for text in self._texts)
        self.name = "pooled " + "+".join(self.encoders)
        self.width = width
        self.tokenizer = self._texts[0].tokenizer
        self.tokenize = self._texts[0].tokenize

    def locate(self, template: str, subject: str) -> Subject:
        """The one position; BackboneError if the phrase does not fit the window of one of the encoders."""
        first, *_ = [text.locate(template, subject) for text in self._texts]
        return _whole(first)

    def locate_empty(self, template: str = "{}") -> Subject:
        """The one position."""
        return _whole(self._texts[0].locate_empty(template))

    def end_positions(self, ids: Tensor) -> Tensor:
        """The one position, 0, for each of n rows: (n,)."""
        return torch.zeros(len(ids), dtype=torch.long, device=ids.device)

    def encode(self, prompts: Sequence[str], length: int | None = None) -> Tensor:
        """Vectors (n, 1, width)."""
        return torch.cat([text.embeddings(prompts) for text in self._texts], dim=-1)[:, None]

    def states_in(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """Vectors (n, 1, width)."""
        found = [(text, encoded[text.name]) for text in self._texts]
        vectors = [text.embedding(one.final, one.ids) for text, one in found]
        return torch.cat([vector.to(vectors[0].device) for vector in vectors], dim=-1)[:, None]


def _whole(subject: Subject) -> Subject:
    return Subject(subject.prompt, 0, 1, 0)
