"""How far sources come, and that a patch tells of those that captions hold."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.reached import means, share_of_way
from overpaint.methods.emcid.tasks import tasks_of
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import TEMPLATES, fitted, tiny_backbone

AFTER = 1


def plan_of(weight: float, insist: float = 0.0) -> Plan:
    settings: dict[str, Any] = {"blocks": [0, AFTER], "lambda": weight, "steady": 0.0, "insist": insist}
    edits = [{"replace": a, "with": b, "prompts": list(TEMPLATES)} for a, b in (("dog", "cat"), ("pizza", "kitchen"))]
    return Plan.parse({"method": "emcid-copy", "settings": settings, "edits": edits})


def patch_of(backbone: Any, weight: float, **more: float) -> Patch:
    return fitted(backbone, plan_of(weight, **more), captions=[template.format("dog") for template in TEMPLATES])


def test_the_way_is_measured_along_itself() -> None:
    before = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    values = torch.tensor([[4.0, 0.0], [1.0, 3.0], [2.0, 2.0]])
    now = torch.tensor([[1.0, 9.0], [1.0, 4.0], [7.0, 2.0]])
    shares = share_of_way(before.double(), now.double(), values)
    assert shares.tolist() == [0.25, 1.5, 1.0]


def test_what_captions_hold_is_named_with_how_far_it_comes() -> None:
    backbone = tiny_backbone()
    patch = patch_of(backbone, 1e3)
    plan = plan_of(1e3)
    tasks = tasks_of([backbone.text], plan, EmcidConfig(values="copy"))
    goals = tasks_of([backbone.text], plan_of_goals(plan), EmcidConfig(values="copy"))
    before, wanted = means(backbone.text, tasks, AFTER), means(backbone.text, goals, AFTER)
    with patch.applied_to(backbone.pipe):
        now = means(backbone.text, tasks, AFTER)
    dog, pizza = share_of_way(before, now, wanted).tolist()
    assert dog < 0.5 < pizza
    assert patch.provenance["held"] == {"dog": pytest.approx(dog, abs=0.005)}


def test_who_insists_comes_further() -> None:
    assert "held" not in patch_of(tiny_backbone(), 1e3, insist=0.5).provenance


def test_a_patch_that_goes_all_the_way_says_nothing_of_it() -> None:
    assert "held" not in patch_of(tiny_backbone(), 1e-4).provenance


def plan_of_goals(plan: Plan) -> Plan:
    """The same with destinations for sources: their states are what copied values are."""
    edits = [{"replace": e.destination, "with": e.source, "prompts": list(e.prompts)} for e in plan.edits]
    return Plan.parse({"method": "emcid-copy", "edits": edits})
