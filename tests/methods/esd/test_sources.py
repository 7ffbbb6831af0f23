from __future__ import annotations

import pytest
import torch

from overpaint.methods.esd.pool import Pool
from overpaint.methods.esd.selection import select
from overpaint.methods.esd.sources import Cached, Published
from overpaint.methods.esd.student import DenseStudent
from tests.methods.esd.small import close, config_of, plan_of, turned_by_hand, world


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
        close(batch.wanted, turned_by_hand(backbone, batch, "", ("dog", "pizza")[int(batch.concept[0])], 1.0))
    assert {int(batch.concept[0]) for batch in batches} == {0, 1}
    assert len({float(batch.t[0]) for batch in batches}) == 3
    with torch.no_grad():
        for value in student.trained.values():
            value.mul_(1.5)
    noisiest = max(float(batch.t[0]) for batch in batches)
    for step, batch in enumerate(batches):
        now = source.batch(step)
        close(now.wanted, turned_by_hand(backbone, now, "", ("dog", "pizza")[int(now.concept[0])], 1.0))  # no drift
        same = torch.equal(now.x, batch.x)
        assert same == (policy is None or float(batch.t[0]) == noisiest)  # pure noise is nobody's work
