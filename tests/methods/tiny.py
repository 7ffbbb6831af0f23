"""Small encoders and pipelines for the methods' tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.parameters import resolve
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.backbone.text import Run, TextEncoder
from overpaint.linear.ridge import Penalty, penalty
from overpaint.methods import fit
from overpaint.methods.emcid.moments import key_moments
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.models import tiny_sd, tiny_text_model, tiny_tokenizer

WINDOW = 20
TEMPLATES = ("photo of {}", "{} in a kitchen", "{}")
CAPTIONS = ["photo of a dog", "a cat in a kitchen", "pizza", "hens", "a photo of the kitchen", "dog and cat"]

_ESD = ("esd-x", "esd-x-strict", "esd-u", "esd-all", "esd-selfattn")
_DESCENT: dict[str, Any] = {"image_steps": 2, "steps": 2, "batch": 2, "checkpoint_every": 0, "further": 1}
QUICK: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("uce", "uce-paper", "time", "rece", "speed", "oce", "mace-cfr")},
    **{name: {"blocks": [0, 1], "steps": 3, "image_steps": 2, "draws": 2} for name in ("emcid", "emcid-paper")},
    "emcid-copy": {"blocks": [0]},
    **{name: {**_DESCENT, "trajectories": 2, "captions": 0} for name in _ESD},
    **{name: {**_DESCENT, "images": 2} for name in ("ablation", "ablation-noise")},
    "refact": {"block": 1, "steps": 2},
    "gates": {"block": 1, "steps": 2},
}
"""Settings that make methods fast: all that give patches, by name."""


def tiny_text(layers: int = 4, double: bool = True, **options: Any) -> TextEncoder:
    """A random encoder, in float64 unless said otherwise, so that equalities can be tested tightly."""
    tokenizer = tiny_tokenizer(WINDOW)
    model = tiny_text_model(tokenizer, layers=layers, **options)
    return TextEncoder(model.double() if double else model, tokenizer)


def tiny_backbone(double: bool = False, **options: Any) -> StableDiffusion:
    pipe = tiny_sd(window=WINDOW, **options)
    if double:
        for part in (pipe.text_encoder, pipe.unet, pipe.vae):
            part.double()
    return StableDiffusion(pipe)


def fitted(model: Any, plan: Plan, **options: Any) -> Patch:
    """By a method that gives a patch and no guard."""
    patch = fit(model, plan, **options)
    assert isinstance(patch, Patch)
    return patch


def changes(model: StableDiffusion, patch: Patch) -> dict[str, Tensor]:
    """What a patch adds to each weight, float64."""
    return {name: delta.of(resolve(model, name).detach()) for name, delta in patch.deltas.items()}


def penalties(text: TextEncoder, blocks: range) -> dict[int, Penalty]:
    moments = key_moments(text, CAPTIONS, list(blocks))
    return {b: penalty(m.mean(1.0), jitter=1e-6) for b, m in moments.items()}


class LinearEncoder:
    """A residual stream without attention whose keys never change: Stage II can be computed by hand.

    Token ids are rows of ``states``; block l adds ``W_l k_l(id)`` (no bias) with given keys.
    """

    window = 1
    causal = False

    def __init__(self, states: Tensor, keys: Tensor, weights: Tensor) -> None:
        """``states`` (t, width), ``keys`` (blocks, t, key_width), ``weights`` (blocks, width, key_width)."""
        self.states, self.keys, self.weights = states, keys, weights
        self.width, self.key_width = states.shape[1], keys.shape[2]
        self._ids = torch.zeros(0)

    def embed(self, ids: Tensor) -> Tensor:
        self._ids = ids
        return self.states[ids]

    def run(self, states: Tensor, first: int, stop: int) -> Tensor:
        for block in range(first, stop):
            states = self.block_with_mlp(states, block)[0]
        return states

    def way(self, ids: Tensor) -> Run:
        return self.run

    def block_with_mlp(self, states: Tensor, block: int, run: Run | None = None) -> tuple[Tensor, Tensor, Tensor]:
        keys = self.keys[block][self._ids]
        out = keys @ self.weights[block].mT
        return states + out, keys, out

    def mlp_input(self, states: Tensor, block: int, run: Run | None = None) -> Tensor:
        return self.keys[block][self._ids]
