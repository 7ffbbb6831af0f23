"""A prompt made for the purpose, in the manner of UnlearnDiffAtk (Zhang et al., arXiv 2310.11868).

A few words are put in front of a prompt that names the concept, such that the edited model, told all of it, denoises
pictures of the concept well. Words are exchanged by greedy coordinate gradient (Zou et al., arXiv 2307.15043): the
loss's gradient with respect to a word's embedding says which others may lower it, and the best of a sample of these is
taken. Only prompts that a person can type count: what is tried is read anew by the tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.gradients import gradients
from overpaint.bench.attacks.attack import Attack, Attempt, Target
from overpaint.bench.attacks.embedding import table_of
from overpaint.bench.attacks.noise import Noisy, conditioned, noise_loss, noisy, towards_text
from overpaint.bench.attacks.typed import Typed
from overpaint.methods.work import BACKWARD, Work
from overpaint.progress import Progress
from overpaint.seeding import derive

__all__ = ["TokenSearch"]


@dataclass(frozen=True)
class TokenSearch(Attack):
    """Words found for every target; fewer where the text window has no room.

    Attributes:
        tokens: words put in front, each of one token of the first text encoder.
        steps: exchanges of one word.
        candidates: prompts tried in each step.
        top: words that the gradient proposes for each place.
        draws: noisy pictures that the loss is taken over, the same ones throughout.
    """

    name: ClassVar[str] = "token search"
    adaptive: ClassVar[bool] = True

    tokens: int = 5
    steps: int = 30
    candidates: int = 24
    top: int = 64
    draws: int = 8

    def attempts(self, backbone: Backbone, target: Target, seed: int, progress: Progress) -> list[Attempt]:
        """See `Attack`."""
        base = target.templates[0].replace("{}", target.name)
        prefix = Typed.before(backbone.text, base, self.tokens, derive(seed, "first words"))
        if prefix is None:
            return []
        source = torch.Generator("cpu").manual_seed(derive(seed, "draws"))
        draws = noisy(backbone, backbone.encode_images(target.pictures)[0], self.draws, source)
        prompt, loss = self.search(backbone, prefix, draws, derive(seed, "candidates"), progress)
        asked = f"[found words] {base}"
        seeds = [derive(seed, "picture", number) for number in range(self.pictures)]
        return [Attempt(asked, one, prompt, measured={"noise loss": loss}) for one in seeds]

    def search(
        self, backbone: Backbone, prefix: Typed, draws: Noisy, seed: int, progress: Progress
    ) -> tuple[str, float]:
        """The best prompt found, and its loss, which is at most that of the first one."""
        source = np.random.default_rng(seed)
        best = self._losses(backbone, [prefix.prompt], draws)[0]
        with progress.task("searching words", total=self.steps, unit="step") as advance:
            for _ in range(self.steps):
                proposed = self._proposed(prefix, _gradient(backbone, prefix, draws), source)
                losses = self._losses(backbone, [one.prompt for one in proposed], draws)
                if losses and min(losses) < best:
                    best = min(losses)
                    prefix = proposed[losses.index(best)]
                advance(note=f"{best:.4f}")
        return prefix.prompt, best

    def _proposed(self, prefix: Typed, gradient: Tensor, source: np.random.Generator) -> list[Typed]:
        """Prefixes that differ in one word, of those that the gradient (n, width) thinks best in each place."""
        scores = (-gradient @ table_of(prefix.text).to(gradient).T).cpu()
        pool = [
            (place, int(word))
            for place in range(len(prefix.chosen))
            for word in scores[place, prefix.words.ids(place)].topk(min(self.top, len(prefix.words))).indices
        ]
        order = source.permutation(len(pool))[: self.candidates]
        return prefix.typed([prefix.exchanged(*pool[number]) for number in order])

    @torch.no_grad()
    def _losses(self, backbone: Backbone, prompts: Sequence[str], draws: Noisy) -> list[float]:
        if not prompts:
            return []
        conditions = backbone.encode(prompts)
        return [float(noise_loss(backbone, draws, conditions[row : row + 1])) for row in range(len(prompts))]

    @property
    def work(self) -> Work:
        """See `Attack`."""
        trained = self.draws * self.steps * (1 + BACKWARD)
        return Work(evaluations=self.draws * (1 + self.steps * self.candidates) + trained, trained=trained)


def _gradient(backbone: Backbone, prefix: Typed, draws: Noisy) -> Tensor:
    """Of the loss with respect to the embeddings (n, width) of the words in front, in the first text encoder."""
    with towards_text(backbone):
        ids = {text.name: text.tokenize([prefix.prompt]) for text in backbone.text_encoders}
        states = {text.name: text.embed(ids[text.name]).detach() for text in backbone.text_encoders}
        own = states[prefix.text.name].requires_grad_()
        loss = noise_loss(backbone, draws, conditioned(backbone, ids, states))
        (gradient,) = gradients(loss, [own], backbone.dtype)
    return gradient[0, prefix.text.begin : prefix.text.begin + len(prefix.chosen)].float()
