"""Stopping concept by concept, and whose turn it is: nobody's neighbours matter."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import overpaint.methods.emcid.bank as bank_module
import overpaint.methods.emcid.search as module
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.latents import Latents, Noise
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.emcid.stage_one import stage_one, steps_of
from overpaint.methods.emcid.states import States
from overpaint.methods.emcid.stopping import Plateau
from tests.methods.tiny import TEMPLATES, tiny_backbone

PAIRS = [("dog", "cat"), ("pizza", "kitchen"), ("hens", "dogs"), ("chop", "itch"), ("in", "of")]
CONCEPTS = [Concept(a, b, TEMPLATES, seed=i) for i, (a, b) in enumerate(PAIRS)]
AFTER = {"text_encoder": 1}
STATES = {"values": "states"}
NOISE = {"values": "noise", "image_steps": 2, "image_guidance": 2.0, "draws": 4, "timesteps": "stratified"}


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return tiny_backbone(double=True)


def config(**settings: object) -> EmcidConfig:
    chosen = {"steps": 40, "rate": 0.05, "states_rate": 0.05, "patience": 5, "flat": 0.01, "batch": 2}
    return EmcidConfig.model_validate({**chosen, **settings})


def learned(backbone: StableDiffusion, concepts: list[Concept], **settings: object) -> dict[str, Memory]:
    found = stage_one(backbone, concepts, config(**settings), AFTER)
    return {concept.source: memory for concept, memory in zip(concepts, found, strict=True)}


class Steps:
    """Who was active in which step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.active: list[list[int]] = []
        original = module._Run.step

        def step(run: Any) -> int:
            self.active.append(run.active.tolist())
            return original(run)

        monkeypatch.setattr(module._Run, "step", step)

    def made(self) -> dict[int, int]:
        return {number: sum(number in at for at in self.active) for number in range(len(CONCEPTS))}


@pytest.mark.parametrize("settings", [STATES, {**NOISE, "steps": 10}], ids=["states", "noise"])
def test_neither_company_nor_order_matters(
    backbone: StableDiffusion, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(monkeypatch)
    ways = [(CONCEPTS, 2), (CONCEPTS[::-1], 3), (CONCEPTS, 5)]
    runs = [learned(backbone, concepts, **{**settings, "batch": batch}) for concepts, batch in ways]
    for name, memory in runs[0].items():
        for other in runs[1:]:
            torch.testing.assert_close(memory.delta, other[name].delta, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(memory.loss, other[name].loss, rtol=1e-4, atol=1e-6, equal_nan=True)
    assert max(map(len, steps.active)) == 5


def test_free_places_are_taken_at_once(backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch)
    told: list[int] = []
    chosen = config(**STATES, states_rate=2.0, clamp=100.0, flat=0.02)
    stage_one(backbone, CONCEPTS, chosen, AFTER, advance=told.append)
    made = steps.made()
    assert len({*made.values()}) > 1
    assert min(made.values()) < 40
    assert sum(told) == sum(steps_of(concept, chosen) for concept in CONCEPTS)
    # two at a time as long as anybody waits
    waiting = [at for at in steps.active if max(at) < len(CONCEPTS) - 1]
    assert all(len(at) == 2 for at in waiting)
    assert steps.active[0] == [0, 1]


def test_the_lowest_validation_loss_is_kept(backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a rate at which losses jump about."""
    seen: dict[int, list[float]] = {number: [] for number in range(len(CONCEPTS))}
    original = Plateau.look

    def look(plateau: Plateau, concepts: torch.Tensor, steps: torch.Tensor, loss: torch.Tensor) -> Any:
        for number, value in zip(concepts.tolist(), loss.tolist(), strict=True):
            seen[number].append(value)
        return original(plateau, concepts, steps, loss)

    monkeypatch.setattr(Plateau, "look", look)
    wild = stage_one(backbone, CONCEPTS, config(**STATES, states_rate=2.0, clamp=100.0, patience=20, batch=5), AFTER)
    joint = Joint(backbone, CONCEPTS, AFTER, "window", "mean", wide=True)
    states = States(backbone, joint, CONCEPTS, "denoiser", None)
    with torch.no_grad():
        reached = states.loss(joint.student(torch.stack([memory.delta for memory in wild])))
    for memory, losses, again in zip(wild, seen.values(), reached, strict=True):
        assert float(memory.loss[1]) == pytest.approx(float(again), rel=1e-4)
        assert memory.loss[1] <= min(losses) / (1 - 0.01) + 1e-6
        assert memory.loss[1] < losses[0]


def test_what_is_no_number_is_not_kept(backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = States.loss
    monkeypatch.setattr(States, "loss", lambda self, encoded: loss(self, encoded) * torch.nan)
    assert not any(memory.finite for memory in stage_one(backbone, CONCEPTS[:2], config(**STATES), AFTER))


def test_plateau() -> None:
    plateau = Plateau(2, patience=10, flat=0.1)
    both = torch.tensor([0, 1])

    def look(step: int, *losses: float) -> list[list[bool]]:
        found = plateau.look(both, torch.tensor([step, step]), torch.tensor(losses))
        return [column.tolist() for column in found]

    assert look(0, 1.0, 1.0) == [[True, True], [False, False]]
    assert look(5, 0.95, 0.5) == [[False, True], [False, False]]
    assert look(10, 0.95, 0.49) == [[False, False], [True, False]]
    assert look(15, 0.8, 0.48) == [[True, False], [False, True]]
    assert torch.equal(plateau.lowest, torch.tensor([0.8, 0.5]).double())


def test_the_teacher_is_asked_once_for_each_draw(backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    original = bank_module.target_of

    def target_of(*args: Any) -> Any:
        target = original(*args)

        def count(x_t: Any, t: Any, noise: Any) -> Any:
            asked.append(t.numel())
            return target(x_t, t, noise)

        return count

    monkeypatch.setattr(bank_module, "target_of", target_of)
    stage_one(backbone, CONCEPTS, config(**{**NOISE, "steps": 9, "patience": None}), AFTER)
    assert sum(asked) == len(CONCEPTS) * 4 * len(TEMPLATES)
    asked.clear()
    stage_one(backbone, CONCEPTS, config(**{**NOISE, "steps": 6, "draws": None, "patience": None}), AFTER)
    assert sum(asked) == len(CONCEPTS) * 6 * len(TEMPLATES)
    asked.clear()
    stage_one(backbone, CONCEPTS, config(**{**NOISE, "steps": 6, "patience": 100}), AFTER)
    assert sum(asked) == len(CONCEPTS) * (4 + 2) * len(TEMPLATES)  # two for validation


def test_stratified_timesteps_are_each_part_of_the_schedule_once() -> None:
    prompts, cycle = 3, 8
    latents = [Latents(torch.zeros(prompts, 1, 1, 2, 2), None)] * 2
    noise = Noise(latents, [1, 2], 960, cycle)
    for _ in range(2):  # and again in the next round
        t = noise.draw(cycle).t.unflatten(1, (2, prompts))
        for own in t.unbind(dim=1):
            assert sorted((own.flatten() * prompts * cycle // 960).tolist()) == list(range(prompts * cycle))
            strata = own * cycle // 960
            assert all(sorted(column.tolist()) == list(range(cycle)) for column in strata.unbind(dim=1))
            assert all(len({*row.tolist()}) == prompts for row in strata)
    assert not torch.equal(noise.draw(1).t[0, :3], noise.draw(1).t[0, 3:])
    alone = Noise(latents[1:], [2], 960, cycle).draw(3)
    assert torch.equal(alone.t, Noise(latents, [1, 2], 960, cycle).draw(3).t[:, prompts:])
