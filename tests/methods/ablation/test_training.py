"""Losses by hand: which network teaches, and what holds the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.methods import configure, fit
from overpaint.methods.store import TransientStore
from overpaint.methods.training.turns import turn
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.seeding import derive
from tests.methods.tiny import tiny_backbone

ROWS = 3
QUICK: dict[str, Any] = {
    **{"images": ROWS, "preserve_images": ROWS, "batch": ROWS, "image_steps": 2, "guidance": 3.0, "rate": 0.01},
    **{"preserve": 2.0, "prior": 0.0, "teacher": "current", "checkpoint_every": 0},
}


def plan_of(**settings: Any) -> Plan:
    edits = [{"erase": "hens", "to": "dog"}]
    return Plan.parse({"method": "ablation", "edits": edits, "preserve": ["kitchen"], "settings": QUICK | settings})


def made(backbone: StableDiffusion, plan: Plan, store: TransientStore | None = None) -> Patch:
    patch = fit(backbone, plan, store=store)
    assert isinstance(patch, Patch)
    return patch


def rows(
    backbone: StableDiffusion, plan: Plan, name: str, pictures: Tensor
) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    """Template, noisy latents, timestep and noise of each row of the second update."""
    seed = derive(plan.seed, "ablation")
    for place, index in enumerate(turn(ROWS, ROWS, 1, derive(seed, name, "order")).tolist()):
        source = torch.Generator().manual_seed(derive(seed, name, 1, place))
        t = torch.randint(1000, (1,), generator=source)
        noise = torch.randn((1, *backbone.latent_shape), generator=source)
        template = plan.edits[0].prompts[index % len(plan.edits[0].prompts)]
        yield template, backbone.add_noise(pictures[index][None], noise, t), t, noise


@torch.no_grad()
def second_loss(backbone: StableDiffusion, plan: Plan, first: Patch, drawn: Sequence[Tensor]) -> float:
    """``drawn``: the anchor's pictures and, where they are kept, those of the preserve list."""
    settings = plan.settings

    def predicted(phrase: str, template: str, x: Tensor, t: Tensor, edited: bool) -> Tensor:
        with (first if edited else Patch({}, {})).applied_to(backbone.pipe):
            return backbone.predict(x, t, backbone.encode([template.replace("{}", phrase)]))

    total = 0.0
    for template, x, t, noise in rows(backbone, plan, "anchor", drawn[0]):
        taught = predicted("dog", template, x, t, edited=settings["teacher"] == "current")
        total += float((predicted("hens", template, x, t, edited=True) - taught).square().mean())
        total += settings["prior"] * float((predicted("dog", template, x, t, edited=True) - noise).square().mean())
    for template, x, t, _ in [row for pictures in drawn[1:] for row in rows(backbone, plan, "keep", pictures)]:
        before, after = (predicted("kitchen", template, x, t, edited) for edited in (False, True))
        total += settings["preserve"] * float((after - before).square().mean())
    return total / ROWS


@pytest.mark.parametrize("settings", [{}, {"preserve": 0.0}, {"prior": 0.001}, {"teacher": "original"}], ids=str)
def test_the_second_update_is_the_formula_and_no_other_settings(settings: dict[str, Any]) -> None:
    """By then the network is not the original one, so that it makes a difference which of the two teaches."""
    backbone, store = tiny_backbone(), TransientStore()
    first = made(backbone, plan_of(steps=1, **settings))
    plan = plan_of(steps=2, **settings)
    found = made(backbone, plan, store).provenance["training"]["loss"]
    drawn = [entry["latents"] for entry in store.entries.values() if "latents" in entry]
    assert len(drawn) == (1 if settings.get("preserve") == 0 else 2)
    assert second_loss(backbone, plan, first, drawn) == pytest.approx(found, rel=1e-3)
    others = [{"teacher": "original" if plan.settings["teacher"] == "current" else "current"}]
    others += [{"prior": plan.settings["prior"] + 0.3}] + [{"preserve": 1.0}] * (len(drawn) - 1)
    for other in others:
        assert second_loss(backbone, plan_of(**settings | other), first, drawn) != pytest.approx(found, rel=0.02), other


def test_what_is_preserved_moves_less_for_its_weight() -> None:
    backbone, store = tiny_backbone(), TransientStore()
    far: dict[str, Any] = {"steps": 12, "rate": 3e-3, "teacher": "original"}

    def moved(preserve: float) -> float:
        patch = made(backbone, plan_of(**far, preserve=preserve), store)
        generator = torch.Generator().manual_seed(1)
        x = torch.randn((6, *backbone.latent_shape), generator=generator)
        t = torch.tensor([100, 300, 500, 700, 900, 999])
        texts = backbone.encode(["An image of kitchen"]).repeat(6)
        with torch.no_grad():
            before = backbone.predict(x, t, texts)
            with patch.applied_to(backbone.pipe):
                return float((backbone.predict(x, t, texts) - before).square().mean())

    assert moved(20.0) < 0.7 * moved(0.0)


@pytest.mark.parametrize(
    ("family", "parameters", "expected"),
    [
        ("sd1", None, (100, 1.6e-5)),
        ("sd1", "cross", (100, 1.6e-5)),
        ("sd1", "full", (400, 4e-6)),  # as published
        ("sd2", "full", (400, 4e-6)),
        ("sdxl", "full", (400, 4e-6)),
        ("emoji", None, (150, 4e-4)),  # as measured
        ("emoji", "full", (150, 1e-4)),
        ("emoji", "embedding", (150, 4e-4)),
    ],
)
def test_whole_denoisers_have_their_own_rate(family: str, parameters: str | None, expected: tuple[int, float]) -> None:
    backbone = tiny_backbone()
    backbone.family = family
    settings = {} if parameters is None else {"parameters": parameters}
    said: dict[str, Any] = {"method": "ablation", "edits": [{"erase": "hens", "to": "dog"}]}
    found: Any = configure(Plan.parse({**said, "settings": settings}), backbone)
    assert (found.steps, found.rate) == expected
    own: Any = configure(Plan.parse({**said, "settings": {**settings, "rate": 1e-3}}), backbone)
    assert (own.steps, own.rate) == (expected[0], 1e-3)
