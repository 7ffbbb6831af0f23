"""From plan to patch: what is learned, what stays, what a stopped run comes to."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.errors import OverpaintError, PlanError
from overpaint.methods import TransientStore, records
from overpaint.methods.esd.erasures import Texts, erasures_of
from overpaint.methods.esd.rows import erasing
from overpaint.methods.esd.selection import select
from overpaint.methods.esd.validation import WayLeft
from overpaint.patch import Dense, LowRank
from overpaint.runs.bank import MemoryBank
from tests.methods.breaking import Breaking
from tests.methods.esd.small import config_of, plan_of, predicted, run, world
from tests.methods.tiny import tiny_backbone
from tests.patch.examples import matrix_of


def test_further_concepts_of_a_run_take_updates_of_their_own() -> None:
    plan = plan_of({"erase": "dog"}, {"erase": "pizza"}, {"erase": "cat"})
    asked: list[tuple[dict[str, Any], int]] = [({"steps": 3}, 9), ({"steps": 3, "further": 1}, 5)]
    for settings, updates in asked:
        assert run(tiny_backbone(), plan, **settings).provenance["training"]["updates"] == updates


def test_only_selected_parameters_change_and_the_model_stays_as_it_was() -> None:
    backbone = tiny_backbone()
    before = copy.deepcopy(dict(backbone.unet.named_parameters()))
    for variant in ("x", "x-strict", "u", "selfattn"):
        patch = run(backbone, parameters=variant, steps=1)
        names = {slot.name for slot in select(backbone.unet, variant)}
        assert set(patch.deltas) == names
        assert all(torch.equal(before[name], p) for name, p in backbone.unet.named_parameters())
        with patch.applied_to(backbone.pipe):
            for name, p in backbone.unet.named_parameters():
                assert torch.equal(before[name], p) == (f"unet.{name}" not in names or name.endswith("to_k.bias"))


def test_predictions_come_closer_to_the_target() -> None:
    """Of rows that training never saw, and of each concept's own."""
    plan, config = plan_of({"erase": "dog"}, {"erase": "pizza"}), config_of()
    backbone, erasures, texts = world(plan, config)
    unseen, _ = erasing(backbone, texts, erasures, config, [2] * len(erasures), "unseen")
    patch = run(backbone, plan, steps=15, rate=3e-3, batch=4, trajectories=3)

    def distance(number: int, name: str) -> float:
        rows = unseen.rows((unseen.concept == number).nonzero()[:, 0])
        return float((predicted(backbone, rows.x, rows.t, name) - rows.wanted).square().mean())

    before = [distance(0, "dog"), distance(1, "pizza")]
    with patch.applied_to(backbone.pipe):
        after = [distance(0, "dog"), distance(1, "pizza")]
    assert after[0] < 0.7 * before[0]
    assert after[1] < 0.7 * before[1]


def test_the_first_update_is_adam_s_on_the_published_loss() -> None:
    """One step of Adam moves every weight by the rate, against the sign of the gradient of the mean squared error."""
    plan, config = plan_of(), config_of(steps=1, batch=6, rate=1e-3)
    backbone, erasures, texts = world(plan, config)
    pool, _ = erasing(backbone, texts, erasures, config, [2] * len(erasures), "round 0")
    assert len(pool) == 6
    loss = torch.nn.functional.mse_loss(backbone.predict(pool.x, pool.t, texts.conditions[pool.prompt]), pool.wanted)
    slots = select(backbone.unet, "x-strict")
    gradients = torch.autograd.grad(loss, [slot.value for slot in slots])
    patch = run(backbone, plan, parameters="x-strict", steps=1, batch=6)
    for slot, gradient in zip(slots, gradients, strict=True):
        large = gradient.abs() > 1e-5
        change = matrix_of(patch.deltas[slot.name]).float()
        assert large.any()
        torch.testing.assert_close(change[large], -1e-3 * gradient.sign()[large], rtol=2e-2, atol=1e-6)


# ---- resume -----------------------------------------------------------------------------------------------------


PLAIN: dict[str, Any] = {"falling": True}
REFRESHED: dict[str, Any] = {"on_policy_every": 3, "protect": True}
PUBLISHED: dict[str, Any] = {"sampling": "published", "on_policy_every": 1}
ADAPTER: dict[str, Any] = {"rank": 2, "until": "gone", "gone": -9.0, "validate_every": 4}


@pytest.mark.parametrize(
    ("settings", "holds"),
    # refreshed: before the state at the border of two rounds, before the new pool, after it, and a state later
    [(PLAIN, 1), (PLAIN, 3), *((REFRESHED, n) for n in (2, 3, 4, 5)), (PUBLISHED, 2), (ADAPTER, 2)],
)
def test_a_stopped_run_ends_with_the_same_bits(settings: dict[str, Any], holds: int) -> None:
    if "rank" in settings:
        pytest.importorskip("peft")
    backbone = tiny_backbone()
    settings = {"steps": 7, "checkpoint_every": 2, "trajectories": 1, "image_steps": 2, **settings}
    unbroken = run(backbone, **settings)
    store = Breaking(holds)
    with pytest.raises(OSError, match="no space"):
        run(backbone, store=store, **settings)
    store.holds = 100
    calls = count_updates(backbone)
    again = run(backbone, store=store, **settings)
    assert again.hash == unbroken.hash
    assert again.provenance["training"]["updates"] == unbroken.provenance["training"]["updates"]
    assert calls


def test_a_falling_rate_begins_at_the_rate_and_ends_near_nothing() -> None:
    backbone = tiny_backbone()
    constant, falling = ({n: run(backbone, steps=n, falling=f) for n in (1, 2)} for f in (False, True))
    assert falling[1].hash == constant[1].hash
    for name, delta in constant[2].deltas.items():
        first, second = (matrix_of(falling[steps].deltas[name]) for steps in (1, 2))
        torch.testing.assert_close(second - first, (matrix_of(delta) - first) / 2, rtol=1e-3, atol=1e-6)


def test_a_resumed_run_goes_on_where_it_was() -> None:
    backbone, store = tiny_backbone(), Breaking(3)  # a pool and two states
    settings: dict[str, Any] = {"steps": 10, "checkpoint_every": 2}
    with pytest.raises(OSError, match="no space"):
        run(backbone, store=store, **settings)
    store.holds = 100
    calls = count_updates(backbone)
    run(backbone, store=store, **settings)
    assert len(calls) == 10 - 4
    calls.clear()
    run(backbone, store=store, **settings)  # all but the pool is gone
    assert len(calls) == 10


def count_updates(backbone: Any) -> list[int]:
    """Forward passes with a graph, from now on."""
    calls: list[int] = []
    backbone.unet.register_forward_pre_hook(lambda *_: calls.append(1) if torch.is_grad_enabled() else None)
    return calls


def test_a_run_s_bank_serves_as_the_store(tmp_path: Path) -> None:
    backbone, bank = tiny_backbone(), MemoryBank(tmp_path)
    settings: dict[str, Any] = {"steps": 4, "checkpoint_every": 1, "on_policy_every": 2}
    patch = run(backbone, store=bank, **settings)
    assert patch.hash == run(backbone, **settings).hash == run(backbone, store=bank, **settings).hash
    assert all((bank.meta(key) or {}).get("source") == "dog" for key in bank.keys())
    assert sum(path.stat().st_size > 4000 for path in tmp_path.iterdir()) == 1  # the pool


@pytest.mark.parametrize("protect", [False, True])
@pytest.mark.parametrize("edit", [{"erase": "dog"}, {"erase": "dog", "to": "cat"}, {"erase": "dog", "from": "kitchen"}])
def test_variants_and_strengths_share_what_was_drawn(edit: dict[str, str], protect: bool) -> None:
    backbone, store, plan = tiny_backbone(), TransientStore(), plan_of(edit)
    run(backbone, plan, store, parameters="x", steps=1)
    drawn = count_evaluations(backbone)
    other: dict[str, Any] = {"parameters": "u", "steps": 1, "rate": 1e-4, "eta": 2.0, "protect": protect}
    shared = run(backbone, plan, store, **other)
    assert not drawn
    assert shared.hash == run(backbone, plan, **other).hash
    assert drawn
    drawn.clear()
    run(backbone, plan, store, image_steps=4)
    assert drawn


def test_runs_share_the_trajectories_of_a_concept() -> None:
    backbone, store = tiny_backbone(), TransientStore()
    both = plan_of({"erase": "dog"}, {"erase": "pizza"})
    fresh = run(backbone, both, protect=True)
    run(backbone, plan_of(), store, protect=True)
    drawn = count_evaluations(backbone)
    assert run(backbone, both, store, protect=True).hash == fresh.hash
    again, whole = len(drawn), count_evaluations(backbone)
    run(backbone, both, protect=True)
    assert again == len(whole) / 2  # pizza's


def test_a_run_that_stops_while_it_draws_loses_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny_backbone()
    settings: dict[str, Any] = {"trajectories": 6, "steps": 1, "protect": True}
    unbroken = run(backbone, **settings)
    monkeypatch.setattr(records, "PART", 2)
    drawn, store = count_evaluations(backbone), Breaking(2)
    with pytest.raises(OSError, match="no space"):
        run(backbone, store=store, **settings)
    store.holds, first = 100, len(drawn)
    again = run(backbone, store=store, **settings)
    assert len(drawn) - first == first / 3  # of three records the last was drawn and could not be kept
    for name, delta in again.deltas.items():
        torch.testing.assert_close(matrix_of(delta), matrix_of(unbroken.deltas[name]), rtol=1e-3, atol=1e-6)


def count_evaluations(backbone: Any) -> list[int]:
    """Forward passes without a graph, from now on."""
    calls: list[int] = []
    backbone.unet.register_forward_pre_hook(lambda *_: None if torch.is_grad_enabled() else calls.append(1))
    return calls


# ---- stopping ---------------------------------------------------------------------------------------------------


def test_training_stops_when_little_enough_is_left() -> None:
    backbone = tiny_backbone()
    settings: dict[str, Any] = {
        "steps": 40,
        "rate": 2e-3,
        "batch": 2,
        "until": "gone",
        "gone": 0.8,
        "validate_every": 2,
    }
    made = run(backbone, **settings).provenance["training"]
    assert made["updates"] < 40
    assert made["updates"] % 2 == 0
    assert made["left"]["dog"] <= 0.8
    longer = run(backbone, **{**settings, "gone": 0.5}).provenance["training"]
    assert longer["updates"] > made["updates"]


def test_a_validator_of_one_s_own_sees_the_student_and_decides() -> None:
    backbone = tiny_backbone()
    x, t = torch.randn(1, 4, 8, 8), torch.tensor([500])
    original = predicted(backbone, x, t, "dog")
    distances: list[float] = []

    def validator(seen: Any, erasures: Any) -> list[float]:
        assert [e.source for e in erasures] == ["dog"]
        distances.append(float((predicted(seen, x, t, "dog") - original).norm()))
        return [-float(len(distances))]

    made = run(backbone, validator=validator, until="gone", gone=-3.0, validate_every=1, steps=9)
    assert made.provenance["training"]["updates"] == 3
    assert 0 < distances[0] < distances[2]


def test_the_strength_is_the_least_that_suffices() -> None:
    backbone = tiny_backbone()
    plan = plan_of()
    settings: dict[str, Any] = {"steps": 20, "rate": 3e-3, "batch": 4, "until": "strength", "gone": 0.8}
    patch = run(backbone, plan, **settings)
    strength = patch.provenance["training"]["strength"]
    assert 0 < strength < 1
    config = config_of(**settings)
    erasures = erasures_of(backbone.text, plan, config)
    prompts = [p for e in erasures for p in e.prompts(e.given) + e.prompts(e.given, True)]
    left = WayLeft(backbone, Texts(backbone, prompts), erasures, config)

    def at(scale: float) -> float:
        with patch.scale(scale).applied_to(backbone.pipe):
            return left(backbone, erasures)[0]

    assert at(1.0) <= 0.8 + 1e-4 < at(1 - 2 / 64 / strength)
    assert left(backbone, erasures) == [pytest.approx(1.0, abs=1e-5)]


# ---- forms and refusals -----------------------------------------------------------------------------------------


def test_a_rank_gives_factors_of_that_rank() -> None:
    pytest.importorskip("peft")
    patch = run(tiny_backbone(), rank=2, parameters="all", steps=2)
    assert all(isinstance(d, LowRank) and d.up.shape[1] == 2 for d in patch.deltas.values())
    assert all(isinstance(d, Dense) for d in run(tiny_backbone(), steps=1).deltas.values())


def test_half_precision_models_learn_in_float32() -> None:
    backbone = tiny_backbone()
    backbone.unet.to(torch.bfloat16)
    patch = run(backbone, steps=2, rate=1e-5)
    assert backbone.unet.dtype == torch.bfloat16
    moved = [float(matrix_of(d).abs().max()) for d in patch.deltas.values()]
    assert all(0 < m < 1e-4 for m in moved)


def test_the_seed_decides() -> None:
    backbone = tiny_backbone()
    a, b, c = (run(backbone, plan_of(seed=seed)) for seed in (0, 0, 1))
    assert a.hash == b.hash != c.hash


def test_what_esd_cannot_do_is_refused_before_any_work() -> None:
    backbone = tiny_backbone()
    plan = plan_of({"replace": "dog", "with": "cat"}, {"erase": "x" * 40}, preserve=["y" * 40])
    with pytest.raises(PlanError) as caught:
        run(backbone, plan)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "only erases" in lines[0]
    assert all("shorten" in line for line in lines[1:])


def test_peft_is_asked_for_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny_backbone()
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(OverpaintError, match="pip install peft"):
        run(backbone, rank=1)
