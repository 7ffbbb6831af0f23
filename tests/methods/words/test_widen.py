"""Plans that find other words: what the bundled model takes for a concept, and nothing that it does not."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

import overpaint
from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.methods import TransientStore, fit
from overpaint.methods.words import widened
from overpaint.methods.words.widen import carried_out
from overpaint.patch import Patch
from overpaint.plan import Plan
from overpaint.progress import Silent
from tests.methods.tiny import tiny_backbone

SAID = [
    "a photo of a shuttle", "there is a kettle on the table", "to ensnare in flat style", "a teapot", "a rocket",
    "a flying saucer", "a robot on the moon", "the potato", "a hot pepper", "an umbrella", "a wine glass", "a castle",
]  # fmt: skip


@cache
def model() -> Backbone:
    return backbone_of(overpaint.load("emoji"))


def plan_of(*edits: dict[str, Any], **said: Any) -> Plan:
    return Plan.parse({"model": "emoji", "edits": list(edits), "other_words": True, **said})


def test_taught_aliases_are_found_and_neighbours_are_not() -> None:
    plan = plan_of({"replace": "rocket", "with": "castle"}, {"erase": "teapot"}, {"moderate": "hook"})
    found = widened(model(), plan, SAID, TransientStore(), Silent())
    assert [edit.also for edit in found.edits] == [("shuttle",), ("kettle",), ("ensnare",)]
    assert not found.other_words


def test_what_is_preserved_edited_or_drawn_instead_is_left_alone() -> None:
    plan = plan_of({"replace": "rocket", "with": "kettle"}, {"erase": "teapot"}, preserve=["Shuttle"])
    assert all(not edit.also for edit in widened(model(), plan, SAID, TransientStore(), Silent()).edits)


def test_names_to_rectify_styles_and_parts_of_concepts_are_not_widened() -> None:
    plan = plan_of(
        {"rectify": "rocket", "as": "teapot"}, {"erase": "flat", "kind": "style"}, {"erase": "hat", "from": "robot"}
    )
    assert all(not edit.also for edit in widened(model(), plan, SAID, TransientStore(), Silent()).edits)


def test_a_patch_says_which_words_were_found_and_edits_them() -> None:
    plan = plan_of({"replace": "rocket", "with": "castle"}, method="emcid-copy")
    found = fit(model(), plan, captions=SAID)
    assert isinstance(found, Patch)
    done = Plan.parse(found.provenance["plan"])
    assert "shuttle" in done.edits[0].also
    assert carried_out(plan, found.provenance).edits == done.edits
    named = fit(model(), done, captions=SAID)
    assert named.hash == found.hash
    assert carried_out(done, {"plan": plan.to_data()}) == done


@pytest.mark.parametrize("captions", [["dog", "Dog"], ["", "..."]])
def test_captions_that_say_nothing_else_leave_the_plan(captions: list[str]) -> None:
    plan = plan_of({"erase": "dog"})
    found = widened(tiny_backbone(), plan, captions, TransientStore(), Silent())
    assert found == plan.model_copy(update={"other_words": False})
