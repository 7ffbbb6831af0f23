"""Rows hold each concept's own target, made from the original model's predictions at that very row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import PlanError
from overpaint.methods.esd.erasures import Texts
from overpaint.methods.esd.pictures import noised
from overpaint.methods.esd.pool import Pool, erasing, keeping
from overpaint.methods.esd.selection import select
from overpaint.methods.esd.sources import Cached, Published
from overpaint.methods.esd.student import DenseStudent
from tests.methods.esd.small import config_of, plan_of, predicted, world
from tests.methods.tiny import tiny_backbone


def by_hand(backbone: StableDiffusion, pool: Pool, base: str, source: str, eta: float) -> Tensor:
    away = predicted(backbone, pool.x, pool.t, source) - predicted(backbone, pool.x, pool.t, "")
    return predicted(backbone, pool.x, pool.t, base) - eta * away


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_every_concept_of_a_run_has_its_own_target() -> None:
    plan, config = plan_of({"erase": "dog"}, {"erase": "pizza"}, seed=3), config_of(eta=1.5)
    backbone, erasures, texts = world(plan, config)
    pool, kept = erasing(backbone, texts, erasures, config, 2, "x")
    assert kept is None
    assert len(pool) == 2 * 2 * 3
    for number, name in enumerate(("dog", "pizza")):
        rows = pool.rows((pool.concept == number).nonzero()[:, 0])
        assert len(rows) == 6
        assert torch.equal(texts.conditions[rows.prompt].states, backbone.text.encode([name]).expand(6, -1, -1))
        close(rows.wanted, by_hand(backbone, rows, "", name, 1.5))


def test_a_concept_s_rows_do_not_depend_on_its_neighbours() -> None:
    config = config_of()
    alone, both = plan_of({"erase": "pizza"}), plan_of({"erase": "dog"}, {"erase": "pizza"})
    pools = []
    for plan in (alone, both):
        backbone, erasures, texts = world(plan, config)
        pool, _ = erasing(backbone, texts, erasures, config, 2, "x")
        pools.append(pool)
    close(pools[0].x, pools[1].x[6:])
    close(pools[0].wanted, pools[1].wanted[6:])


def test_erasing_from_a_concept_changes_that_concept_s_prompts() -> None:
    plan, config = plan_of({"erase": "pizza", "from": "kitchen"}), config_of(eta=1.0)
    backbone, erasures, texts = world(plan, config)
    pool, _ = erasing(backbone, texts, erasures, config, 1, "x")
    assert torch.equal(texts.conditions[pool.prompt].states, backbone.text.encode(["kitchen"]).expand(3, -1, -1))
    close(pool.wanted, by_hand(backbone, pool, "kitchen", "pizza", 1.0))


def test_an_anchor_is_where_the_target_starts() -> None:
    plan, config = plan_of({"erase": "dog", "to": "cat"}), config_of()
    backbone, erasures, texts = world(plan, config)
    pool, _ = erasing(backbone, texts, erasures, config, 1, "x")
    assert torch.equal(texts.conditions[pool.prompt].states, backbone.text.encode(["dog"]).expand(3, -1, -1))
    close(pool.wanted, by_hand(backbone, pool, "cat", "dog", 1.0))


def test_members_of_a_moderated_concept_are_erased_one_by_one() -> None:
    plan, config = plan_of({"moderate": "photo", "members": ["dog", "cat"]}), config_of()
    _, erasures, _ = world(plan, config)
    assert [(e.source, e.given, e.base) for e in erasures] == [(n, n, None) for n in ("photo", "dog", "cat")]
    assert len({e.seed for e in erasures}) == 3


def test_templates_each_get_their_own_predictions() -> None:
    plan = plan_of({"erase": "dog", "prompts": ["photo of {}", "{} in a kitchen"]})
    config = config_of(prompts="templates", protect=True)
    backbone, erasures, texts = world(plan, config)
    pool, kept = erasing(backbone, texts, erasures, config, 1, "x")
    assert kept is not None
    for part, prompt in ((slice(0, 3), "photo of dog"), (slice(3, 6), "dog in a kitchen")):
        rows = pool.rows(torch.arange(6)[part])
        close(rows.wanted, by_hand(backbone, rows, "", prompt, 1.0))
    assert torch.equal(kept.x, pool.x)
    assert not kept.prompt.any()
    close(kept.wanted, predicted(backbone, pool.x, pool.t, ""))


def test_in_a_context_nothing_but_the_style_is_turned_away_from() -> None:
    plan = plan_of({"erase": "pizza", "kind": "style", "prompts": ["{}"]}, {"erase": "cat", "prompts": ["{}"]})
    config = config_of(styled={"photo of dog {}": ("photo of dog",)}, protect=True, eta=1.5)
    backbone, erasures, texts = world(plan, config)
    pool, kept = erasing(backbone, texts, erasures, config, 1, "x")
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
        pool, kept = erasing(backbone, texts, erasures, config, 1, "x")
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
    pool = keeping(backbone, texts, ["cat", "hens"], [2, 1], config, seed=0)
    assert pool.concept.tolist() == [0] * 6 + [1] * 3
    for number, name in enumerate(("cat", "hens")):
        rows = pool.rows((pool.concept == number).nonzero()[:, 0])
        close(rows.wanted, predicted(backbone, rows.x, rows.t, name))


def test_a_student_s_trajectories_get_the_teacher_s_targets() -> None:
    plan, config = plan_of(), config_of()
    backbone, erasures, texts = world(plan, config)
    frozen, _ = erasing(backbone, texts, erasures, config, 1, "x")
    student = DenseStudent(select(backbone.unet, "x"))
    same, _ = erasing(backbone, texts, erasures, config, 1, "x", sampler=student.acting)
    close(same.wanted, frozen.wanted)  # an untrained student draws as the teacher does
    with torch.no_grad():
        for value in student.trained.values():
            value.mul_(1.5)
    moved, _ = erasing(backbone, texts, erasures, config, 1, "x", sampler=student.acting)
    assert torch.equal(moved.x[0], frozen.x[0])
    assert (moved.x[1:] - frozen.x[1:]).abs().max() > 1e-3
    close(moved.wanted, by_hand(backbone, moved, "", "dog", 1.0))


# ---- pictures ---------------------------------------------------------------------------------------------------


def test_given_pictures_are_noised_as_the_schedule_says(tmp_path: Path) -> None:
    backbone = tiny_backbone()
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16), (200, 30, 60)).save(path)
    x, t = noised(backbone, [path], "dog", list(range(400)))
    mean, std = backbone.encode_images([Image.open(path)])
    abar = backbone.alphas_cumprod[t.long()].reshape(-1, 1, 1, 1)
    rest = x - abar.sqrt() * mean
    assert 0 <= t.min() < 100
    assert 900 < t.max() < 1000
    expected = (1 - abar) + abar * std.square()
    assert float((rest.square() / expected).mean()) == pytest.approx(1.0, abs=0.03)
    again = noised(backbone, [path], "dog", [7])[0]
    torch.testing.assert_close(again[0], x[7])


def test_pictures_are_erased_under_their_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16), (200, 30, 60)).save(path)
    plan, config = plan_of({"erase": "dog", "images": [str(path)]}), config_of()
    backbone, erasures, texts = world(plan, config)
    pool, _ = erasing(backbone, texts, erasures, config, 2, "x")
    assert len(pool) == 6
    close(pool.wanted, by_hand(backbone, pool, "", "dog", 1.0))


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("no")
    with pytest.raises(PlanError, match=r"a\.png.*'dog'"):
        noised(tiny_backbone(), [path], "dog", [0])


# ---- sources ----------------------------------------------------------------------------------------------------


def test_a_new_pool_is_asked_for_at_each_round() -> None:
    asked: list[int] = []

    def pool(number: int) -> Pool:
        asked.append(number)
        ones = torch.ones(5)
        return Pool(ones, ones, ones, number * ones, ones)

    source = Cached(pool, 2, seed=0, every=3)
    assert [source.batch(step).wanted.unique().tolist() for step in range(7)] == [[0.0]] * 3 + [[1.0]] * 3 + [[2.0]]
    assert asked == [0, 1, 2]


@pytest.mark.parametrize("policy", [None, 1])
def test_the_published_loop_draws_partial_trajectories(policy: int | None) -> None:
    plan, config = (
        plan_of({"erase": "dog"}, {"erase": "pizza"}),
        config_of(sampling="published", on_policy_every=policy),
    )
    backbone, erasures, texts = world(plan, config)
    student = DenseStudent(select(backbone.unet, "x"))
    source = Published(backbone, texts, erasures, config, 5, student.acting)
    batches = [source.batch(step) for step in range(8)]
    for batch in batches:
        assert len(batch) == 2
        assert not torch.equal(batch.x[0], batch.x[1])
        assert len(set(batch.t.tolist())) == len(set(batch.prompt.tolist())) == 1
        close(batch.wanted, by_hand(backbone, batch, "", ("dog", "pizza")[int(batch.concept[0])], 1.0))
    assert {int(batch.concept[0]) for batch in batches} == {0, 1}
    assert len({float(batch.t[0]) for batch in batches}) == 3
    with torch.no_grad():
        for value in student.trained.values():
            value.mul_(1.5)
    noisiest = max(float(batch.t[0]) for batch in batches)
    for step, batch in enumerate(batches):
        now = source.batch(step)
        close(now.wanted, by_hand(backbone, now, "", ("dog", "pizza")[int(now.concept[0])], 1.0))  # no drift
        same = torch.equal(now.x, batch.x)
        assert same == (policy is None or float(batch.t[0]) == noisiest)  # pure noise is nobody's work
