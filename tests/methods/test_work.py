"""What is counted beforehand is what is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.parameters import resolve
from overpaint.methods import METHODS, TransientStore, configure, fit, method_of, work_of
from overpaint.methods.words.drawn import asked_of_one, differences
from overpaint.methods.words.widen import LOOKED_AT
from overpaint.methods.work import Work
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, QUICK, TEMPLATES, tiny_backbone

REPLACED = {"replace": "dog", "with": "cat", "prompts": list(TEMPLATES)}
ERASED = {"erase": "dog", "to": "cat", "prompts": list(TEMPLATES)}


@contextmanager
def counted(backbone: Backbone) -> Iterator[dict[str, int]]:
    """Rows that go through the denoiser, those with gradients three times."""
    found = {"evaluations": 0, "trained": 0}

    def count(module: Any, args: tuple[Any, ...], output: Any) -> None:
        learned = output[0].requires_grad
        found["evaluations"] += len(args[0]) * (3 if learned else 1)
        found["trained"] += len(args[0]) * 3 * learned

    handle = backbone.denoiser.register_forward_hook(count)
    try:
        yield found
    finally:
        handle.remove()


def plan_of(method: str, **more: Any) -> Plan:
    edit = ERASED if method in ("esd-x", "ablation") else REPLACED
    return Plan.parse({"method": method, "settings": {**QUICK[method], **more}, "edits": [edit]})


@pytest.mark.parametrize("parameters", ["cross", "embedding", "full"])
def test_what_ablation_learns_fits_on_the_disk_that_is_counted(parameters: str) -> None:
    backbone, plan = tiny_backbone(), plan_of("ablation", parameters=parameters, checkpoint_every=0)
    patch = fit(backbone, plan, store=TransientStore())
    assert isinstance(patch, Patch)
    assert patch.size <= work_of(backbone, plan).disk < 1.2 * patch.size


@pytest.mark.parametrize("anchor", [{}, {"to": "cat"}])
def test_what_esd_draws_fits_on_the_disk_that_is_counted(anchor: dict[str, str]) -> None:
    backbone, store = tiny_backbone(), TransientStore()
    edit = {"erase": "dog", **anchor, "prompts": list(TEMPLATES)}
    settings = {**QUICK["esd-x"], "trajectories": 30, "captions": 4, "checkpoint_every": 0}
    plan = Plan.parse({"method": "esd-x", "settings": settings, "edits": [edit]})
    patch = fit(backbone, plan, store=store, captions=CAPTIONS)
    assert isinstance(patch, Patch)
    kept = sum(tensor.nbytes for entry in store.entries.values() for tensor in entry.values())
    assert kept + patch.size <= work_of(backbone, plan).disk < 1.3 * (kept + patch.size)


def test_the_student_draws_no_more_prompts_than_its_updates_take() -> None:
    """Of three prompts two in each of the two later rounds: two updates of two rows each, two rows a trajectory."""
    backbone = tiny_backbone()
    rounds = {"prompts": "templates", "on_policy_every": 2, "steps": 6}
    plan = plan_of("esd-x", **rounds)
    work = work_of(backbone, plan)
    assert work.pictures == 2 * len(TEMPLATES) + 2 * 2
    with counted(backbone) as found:
        fit(backbone, plan, store=TransientStore(), captions=CAPTIONS)
    assert work.evaluations == found["evaluations"]


@pytest.mark.parametrize(
    "method", ["uce", "speed", "oce", "emcid", "emcid-copy", "gates", "refact", "esd-x", "ablation"]
)
def test_weights_evaluations_and_bytes_are_those_of_the_run(method: str) -> None:
    backbone = tiny_backbone()
    plan = plan_of(method)
    work = method_of(plan).work(backbone, plan, configure(plan, backbone))
    with counted(backbone) as found:
        patch = fit(backbone, plan, store=TransientStore(), captions=CAPTIONS)
    assert isinstance(patch, Patch)
    assert work.parameters == sum(resolve(backbone, name).numel() for name in patch.deltas)
    assert work.evaluations == found["evaluations"]
    assert work.trained == found["trained"]
    assert work.disk >= patch.size
    assert work.exact == (work.evaluations - work.trained if method == "esd-x" else 0)


@pytest.mark.parametrize(("steps", "draws"), [(5, 2), (3, None)])
def test_looks_at_the_validation_loss_count(steps: int, draws: int | None) -> None:
    backbone = tiny_backbone()
    plan = plan_of("emcid", patience=100, steps=steps, draws=draws)
    with counted(backbone) as found:
        fit(backbone, plan, store=TransientStore(), captions=CAPTIONS)
    assert method_of(plan).work(backbone, plan, configure(plan, backbone)).evaluations == found["evaluations"]


def test_guards_take_nothing() -> None:
    backbone = tiny_backbone()
    plan = Plan.parse({"method": "sld", "edits": [{"erase": "dog"}]})
    assert METHODS["sld"].work(backbone, plan, configure(plan, backbone)) == Work()


def test_a_plan_without_a_method_takes_what_its_method_takes() -> None:
    backbone = tiny_backbone()
    named = Plan.parse({"method": "emcid", "edits": [REPLACED]})
    assert work_of(backbone, Plan.parse({"edits": [REPLACED]})) == work_of(backbone, named)


def test_looking_for_other_words_counts() -> None:
    backbone = tiny_backbone()
    plan = Plan.parse({"method": "emcid-copy", "edits": [REPLACED], "settings": {"blocks": [0]}})
    wider = plan.model_copy(update={"other_words": True})
    more = work_of(backbone, wider).evaluations - work_of(backbone, plan).evaluations
    assert more == asked_of_one(LOOKED_AT)
    with counted(backbone) as found:
        differences(backbone, {"dog": ("cat", "pizza")}, "{}", 0, lambda count: None)
    assert found["evaluations"] == asked_of_one(2)


def test_the_published_loop_draws_no_pool_but_to_protect() -> None:
    """Its own trajectories end by chance, at the same steps in all of these."""
    backbone, evaluations, priced = tiny_backbone(), [], []
    for more in ({"preserve": 0.0}, {"protect": False}, {"protect": True}):
        plan = plan_of("esd-x", sampling="published", image_steps=4, **more)
        priced.append(work_of(backbone, plan).evaluations)
        with counted(backbone) as found:
            fit(backbone, plan, store=TransientStore(), captions=CAPTIONS)
        evaluations.append(found["evaluations"])
    assert evaluations[1] == evaluations[0]
    assert priced[1] == priced[0]
    assert evaluations[2] - evaluations[1] == priced[2] - priced[1] > 0
