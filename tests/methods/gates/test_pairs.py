"""Prompts that gates are met in: things at their end, styles from their own word on, in company."""

from __future__ import annotations

from functools import cache
from typing import Any

import overpaint
from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.methods.gates.config import GatesConfig
from overpaint.methods.gates.fit import tasks_of
from overpaint.methods.gates.pairs import Met, met
from overpaint.plan import Plan

STYLED = {
    "a cat in {} style": ("a cat in blob style", "a cat in flat style"),
    "a fox, {} style": ("a fox, blob style", "a fox, flat style"),
}
CONFIG = GatesConfig(block=7, contexts=("this is a {} of mine",), styled=STYLED)


@cache
def model() -> Backbone:
    return backbone_of(overpaint.load("emoji"))


def found(*edits: dict[str, Any], config: GatesConfig = CONFIG) -> list[Met]:
    plan = Plan.parse({"method": "gates", "edits": list(edits)})
    return met(model().text, tasks_of(model(), plan, config), config)


def test_a_thing_is_met_in_templates_and_contexts_and_read_where_its_prompts_end() -> None:
    pairs = found({"replace": "dog", "with": "robot"}, {"erase": "pizza"})
    mine = [pair for pair in pairs if pair.task == 0]
    assert [pair.subject.prompt for pair in mine] == [
        "An image of dog", "A photo of dog", "dog", "this is a dog of mine"
    ]  # fmt: skip
    assert [pair.goal.prompt for pair in mine][1:] == ["A photo of robot", "robot", "this is a robot of mine"]
    assert all(pair.first == pair.subject.end and not pair.apart for pair in pairs)
    assert {pair.goal.prompt for pair in pairs if pair.task == 1} >= {"A photo of ", ""}


def test_a_style_is_met_in_company_and_read_from_its_own_word_on() -> None:
    pairs = found({"erase": "noto", "kind": "style", "prompts": ["{} style"]})
    assert [(pair.subject.prompt, pair.goal.prompt) for pair in pairs[1:]] == [
        ("a cat in noto style", "a cat in blob style"),
        ("a fox, noto style", "a fox, blob style"),
    ]
    assert all(pair.first == pair.subject.last < pair.subject.end and pair.apart for pair in pairs)


def test_what_else_is_edited_is_no_goal() -> None:
    style = {"kind": "style", "prompts": ["{} style"]}
    pairs = found({"erase": "noto", **style}, {"erase": "blob", **style})
    goals = {pair.goal.prompt for pair in pairs if "cat" in pair.subject.prompt}
    assert goals == {"a cat in flat style"}
    nowhere = found({"erase": "noto", **style}, {"erase": "blob", **style}, {"erase": "flat", **style})
    assert {pair.subject.prompt for pair in nowhere} == {"noto style", "blob style", "flat style"}


def test_an_anchor_stands_in_the_prompt_itself() -> None:
    pairs = found({"erase": "noto", "to": "fluent", "kind": "style", "prompts": ["{} style"]})
    assert [pair.goal.prompt for pair in pairs] == ["fluent style", "a cat in fluent style", "a fox, fluent style"]


def test_prompts_that_do_not_fit_the_window_are_left_out() -> None:
    long = {f"{'a very ' * 20}old cat in {{}} style": ("a cat in blob style",)}
    config = CONFIG.model_copy(update={"styled": {**STYLED, **long}})
    assert len(found({"erase": "noto", "kind": "style", "prompts": ["{} style"]}, config=config)) == 3
