"""Concept inversion (Pham et al., arXiv 2308.01508): learn a word for the concept on pictures of it.

Textual inversion (Gal et al., arXiv 2208.01618) of the edited model: the embedding of one token is optimised until the
model, told ``An image of *``, denoises pictures of the concept well. Whether that draws the concept says whether the
denoiser can still be told to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.condition import Condition
from overpaint.backbone.gradients import gradients
from overpaint.backbone.text import TextEncoder
from overpaint.bench.attacks.attack import Attack, Attempt, Target
from overpaint.bench.attacks.noise import conditioned, noise_loss, noisy, towards_text
from overpaint.methods.work import BACKWARD, Work
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["EmbeddingInversion", "PseudoWord", "table_of"]

PLACE = "x"
"""The letter whose token stands where the learned one goes."""
SHOWN = "*"


@dataclass(frozen=True)
class EmbeddingInversion(Attack):
    """One learned token, in every text encoder that the model has.

    Attributes:
        steps: of Adam.
        rate: its step size, in units of the mean size of an element of the embedding table.
        draws: noisy pictures in each step.
    """

    name: ClassVar[str] = "embedding inversion"
    adaptive: ClassVar[bool] = True
    controlled: ClassVar[bool] = True

    steps: int = 300
    rate: float = 0.1
    draws: int = 8

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """See `Attack`."""
        x0 = backbone.encode_images(target.pictures)[0]
        word = PseudoWord(backbone, target.templates, target.name)
        loss = self.learn(word, x0, derive(seed, "draws"), progress)
        found = []
        with torch.no_grad():
            for number in range(self.pictures):
                row = number % len(target.templates)
                asked = target.templates[row].replace("{}", SHOWN)
                found.append(
                    Attempt(
                        asked,
                        derive(seed, "picture", number),
                        condition=word.condition(row),
                        measured={"noise loss": loss},
                    )
                )
        return found

    def learn(self, word: PseudoWord, x0: Tensor, seed: int, progress: Progress) -> float:
        """Fit the word to latents x0 (k, c, h, w); the loss over the last tenth of the steps."""
        source = torch.Generator("cpu").manual_seed(seed)
        losses = []
        offsets = list(word.offsets.values())
        optimizer = torch.optim.Adam(offsets, lr=self.rate)
        with (
            towards_text(word.backbone),
            progress.task("learning an embedding", total=self.steps, unit="step") as advance,
        ):
            for step in range(self.steps):
                draws = noisy(word.backbone, x0, self.draws, source)
                loss = noise_loss(word.backbone, draws, word.condition(step % len(word)))
                for offset, gradient in zip(offsets, gradients(loss, offsets, word.backbone.dtype), strict=True):
                    offset.grad = gradient
                optimizer.step()
                losses.append(float(loss.detach()))
                advance(note=f"{losses[-1]:.4f}")
        last = losses[-max(1, self.steps // 10) :]
        return sum(last) / len(last)

    @property
    def work(self) -> Work:
        """See `Attack`."""
        trained = self.steps * self.draws * (1 + BACKWARD)
        return Work(evaluations=trained, trained=trained)


class PseudoWord:
    """A token that no tokenizer has, in each of some templates. It begins as the mean of the name's own tokens.

    Attributes:
        offsets: by text encoder what is learned (width,), float32, in units of the mean size of the table's elements.
    """

    def __init__(self, backbone: Backbone, templates: tuple[str, ...], name: str) -> None:
        self.backbone = backbone
        self._ids: dict[str, Tensor] = {}
        self._states: dict[str, Tensor] = {}
        self._places: dict[str, list[int]] = {}
        self._scales: dict[str, float] = {}
        self.offsets: dict[str, Tensor] = {}
        for text in backbone.text_encoders:
            self._place(text, templates, name)

    def __len__(self) -> int:
        """Templates."""
        return len(next(iter(self._places.values())))

    def condition(self, row: int) -> Condition:
        """The condition (one row) of a template with the word in it; differentiable in the offsets."""
        ids = {name: every[row : row + 1] for name, every in self._ids.items()}
        return conditioned(self.backbone, ids, {name: self._placed(name, row) for name in ids})

    def vector(self, name: str) -> Tensor:
        """What is learned of the word's embedding, from where it began (width,), in one text encoder."""
        return self._scales[name] * self.offsets[name]

    @torch.no_grad()
    def _place(self, text: TextEncoder, templates: tuple[str, ...], name: str) -> None:
        table = table_of(text)
        places = [text.locate(template, PLACE) for template in templates]
        named = text.locate("{}", name)
        own = text.tokenize([named.prompt])[0, named.start : named.stop]
        ids = text.tokenize([place.prompt for place in places])
        states = text.embed(ids).clone()
        for row, place in enumerate(places):
            # embeddings are sums of token and position: only the token is exchanged
            states[row, place.last] += (table[own].mean(dim=0) - table[ids[row, place.last]]).to(states)
        self._ids[text.name], self._states[text.name] = ids, states
        self._places[text.name] = [place.last for place in places]
        self._scales[text.name] = float(table.float().square().mean().sqrt())
        self.offsets[text.name] = torch.zeros(states.shape[-1], device=states.device, requires_grad=True)

    def _placed(self, name: str, row: int) -> Tensor:
        states = self._states[name][row : row + 1].clone()
        states[0, self._places[name][row]] += self.vector(name).to(states)
        return states


def table_of(text: TextEncoder) -> Tensor:
    """The embeddings (tokens, width) that a text encoder has now."""
    table: Tensor = text.model.get_input_embeddings().weight
    return table.detach()
