"""Rows hold each concept's own target, made from the original model's predictions at that very row."""

from __future__ import annotations

import torch

from overpaint.methods.esd.erasures import Texts
from overpaint.methods.esd.rows import erasing, keeping
from overpaint.methods.esd.selection import select
from overpaint.methods.esd.student import DenseStudent
from tests.methods.esd.small import close, config_of, plan_of, predicted, turned_by_hand, world


def test_every_concept_of_a_run_has_its_own_target() -> None:
    plan, config = plan_of({"erase": "dog"}, {"erase": "pizza"}, seed=3), config_of(eta=1.5)
    backbone, erasures, texts = world(plan, config)
    pool, kept = erasing(backbone, texts, erasures, config, [2] * len(erasures), "x")
    assert kept is None
    assert len(pool) == 2 * 2 * 3
    for number, name in enumerate(("dog", "pizza")):
        rows = pool.rows((pool.concept == number).nonzero()[:, 0])
        assert len(rows) == 6
        assert torch.equal(texts.conditions[rows.prompt].states, backbone.text.encode([name]).expand(6, -1, -1))
        close(rows.wanted, turned_by_hand(backbone, rows, "", name, 1.5))


def test_a_concept_s_rows_do_not_depend_on_its_neighbours() -> None:
    config = config_of()
    alone, both = plan_of({"erase": "pizza"}), plan_of({"erase": "dog"}, {"erase": "pizza"})
    pools = []
    for plan in (alone, both):
        backbone, erasures, texts = world(plan, config)
        pool, _ = erasing(backbone, texts, erasures, config, [2] * len(erasures), "x")
        pools.append(pool)
    close(pools[0].x, pools[1].x[6:])
    close(pools[0].wanted, pools[1].wanted[6:])


def test_erasing_from_a_concept_changes_that_concept_s_prompts() -> None:
    plan, config = plan_of({"erase": "pizza", "from": "kitchen"}), config_of(eta=1.0)
    backbone, erasures, texts = world(plan, config)
    pool, _ = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x")
    assert torch.equal(texts.conditions[pool.prompt].states, backbone.text.encode(["kitchen"]).expand(3, -1, -1))
    close(pool.wanted, turned_by_hand(backbone, pool, "kitchen", "pizza", 1.0))


def test_an_anchor_is_where_the_target_starts() -> None:
    plan, config = plan_of({"erase": "dog", "to": "cat"}), config_of()
    backbone, erasures, texts = world(plan, config)
    pool, _ = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x")
    assert torch.equal(texts.conditions[pool.prompt].states, backbone.text.encode(["dog"]).expand(3, -1, -1))
    close(pool.wanted, turned_by_hand(backbone, pool, "cat", "dog", 1.0))


def test_members_of_a_moderated_concept_are_erased_one_by_one() -> None:
    plan, config = plan_of({"moderate": "photo", "members": ["dog", "cat"]}), config_of()
    _, erasures, _ = world(plan, config)
    assert [(e.source, e.given, e.base) for e in erasures] == [(n, n, None) for n in ("photo", "dog", "cat")]
    assert len({e.seed for e in erasures}) == 3


def test_templates_each_get_their_own_predictions() -> None:
    plan = plan_of({"erase": "dog", "prompts": ["photo of {}", "{} in a kitchen"]})
    config = config_of(prompts="templates", protect=True)
    backbone, erasures, texts = world(plan, config)
    pool, kept = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x")
    assert kept is not None
    for part, prompt in ((slice(0, 3), "photo of dog"), (slice(3, 6), "dog in a kitchen")):
        rows = pool.rows(torch.arange(6)[part])
        close(rows.wanted, turned_by_hand(backbone, rows, "", prompt, 1.0))
    assert torch.equal(kept.x, pool.x)
    assert not kept.prompt.any()
    close(kept.wanted, predicted(backbone, pool.x, pool.t, ""))


def test_in_a_context_nothing_but_the_style_is_turned_away_from() -> None:
    plan = plan_of({"erase": "pizza", "kind": "style", "prompts": ["{}"]}, {"erase": "cat", "prompts": ["{}"]})
    config = config_of(styled={"photo of dog {}": ("photo of dog",)}, protect=True, eta=1.5)
    backbone, erasures, texts = world(plan, config)
    pool, kept = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x")
    assert kept is not None
    asked = (("pizza", ""), ("photo of dog pizza", "photo of dog"), ("cat", ""))  # an object has no style
    assert len(pool) == 3 * len(asked)
    for number, (prompt, without) in enumerate(asked):
        which = torch.arange(3 * number, 3 * number + 3)
        rows, stay = pool.rows(which), kept.rows(which)
        left = predicted(backbone, rows.x, rows.t, without)
        close(rows.wanted, left - 1.5 * (predicted(backbone, rows.x, rows.t, prompt) - left))
        assert torch.equal(texts.conditions[stay.prompt].states, backbone.text.encode([without]).expand(3, -1, -1))
        close(stay.wanted, left)


def test_in_a_context_a_style_may_become_another_one() -> None:
    others = ("photo of dog pizza", "photo of dog hens")
    config = config_of(styled={"photo of dog {}": others}, protect=True, eta=0.0)
    for edit, other in (
        ({"erase": "pizza"}, "hens"),
        ({"erase": "pizza", "to": "cat"}, "cat"),
        ({"erase": "cat"}, "pizza"),
    ):
        backbone, erasures, texts = world(plan_of({**edit, "kind": "style", "prompts": ["{}"]}), config)
        pool, kept = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x")
        assert kept is not None
        rows, stay = pool.rows(torch.arange(3, 6)), kept.rows(torch.arange(3, 6))
        close(rows.wanted, predicted(backbone, rows.x, rows.t, f"photo of dog {other}"))
        close(stay.wanted, rows.wanted)
        said = backbone.text.encode([f"photo of dog {edit['erase']}"])
        assert torch.equal(texts.conditions[rows.prompt].states, said.expand(3, -1, -1))


def test_styled_prompts_without_a_goal_or_beyond_the_window_are_left_out() -> None:
    styled = {"photo of dog {}": ("photo of pizza",), "photo " * 30 + "{}": ("photo",), "dog {}": ("dog",)}
    _, (erasure,), _ = world(plan_of({"erase": "pizza", "kind": "style"}), config_of(styled=styled))
    assert erasure.styled == (("dog {}", "dog"),)


def test_kept_prompts_are_to_stay() -> None:
    plan, config = plan_of(), config_of()
    backbone, _, _ = world(plan, config)
    texts = Texts(backbone, ["cat", "hens"])
    pool = keeping(backbone, texts, {"cat": 2, "hens": 1}, config, seed=0)
    assert pool.concept.tolist() == [0] * 6 + [1] * 3
    for number, name in enumerate(("cat", "hens")):
        rows = pool.rows((pool.concept == number).nonzero()[:, 0])
        close(rows.wanted, predicted(backbone, rows.x, rows.t, name))


def test_a_student_s_trajectories_get_the_teacher_s_targets() -> None:
    plan, config = plan_of(), config_of()
    backbone, erasures, texts = world(plan, config)
    frozen, _ = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x")
    student = DenseStudent(select(backbone.unet, "x"))
    same, _ = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x", sampler=student.acting)
    close(same.wanted, frozen.wanted)  # an untrained student draws as the teacher does
    with torch.no_grad():
        for value in student.trained.values():
            value.mul_(1.5)
    moved, _ = erasing(backbone, texts, erasures, config, [1] * len(erasures), "x", sampler=student.acting)
    assert torch.equal(moved.x[0], frozen.x[0])
    assert (moved.x[1:] - frozen.x[1:]).abs().max() > 1e-3
    close(moved.wanted, turned_by_hand(backbone, moved, "", "dog", 1.0))
