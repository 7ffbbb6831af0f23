"""From a plan to a guard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import PlanError
from overpaint.guards import Guard, NegativePrompt, SafeGuidance
from overpaint.methods import fit, work_of
from overpaint.methods.guards.config import CONFIGURATIONS, PUBLISHED_CONCEPT
from overpaint.plan import Plan
from tests.methods.tiny import tiny_backbone
from tests.models import tiny_sd


def guard(method: str, edits: list[dict[str, Any]], **settings: Any) -> Guard:
    found = fit(tiny_backbone(), Plan.parse({"method": method, "edits": edits, "settings": settings}))
    assert isinstance(found, Guard)
    return found


def test_what_a_plan_erases_and_moderates_is_avoided() -> None:
    edits: list[dict[str, Any]] = [{"erase": "dog"}, {"moderate": "hens", "members": ["a cat"]}]
    assert guard("negative", edits).rule == NegativePrompt("dog, hens, a cat")
    assert guard("negative", edits, concept="pizza").rule == NegativePrompt("pizza")


def test_the_four_configurations_and_ones_own_numbers() -> None:
    expected = {"sld-weak": (15, 200), "sld": (10, 1000), "sld-strong": (7, 2000), "sld-max": (0, 5000)}
    for method, (warmup, scale) in expected.items():
        rule = guard(method, [{"erase": "dog"}]).rule
        assert isinstance(rule, SafeGuidance)
        assert (rule.concept, rule.warmup, rule.scale) == ("dog", warmup, scale)
    rule = guard("sld-max", [{"erase": "dog"}], warmup=3).rule
    assert isinstance(rule, SafeGuidance)
    assert (rule.warmup, rule.scale) == (3, 5000)


def test_the_page_says_the_four_configurations() -> None:
    page = (Path(__file__).parents[2] / "docs/methods/guards.md").read_text(encoding="utf-8")
    names = re.findall(r"`(\w+)` \$", page)
    for configuration, expected in CONFIGURATIONS.items():
        method = "sld" if configuration == "medium" else f"sld-{configuration}"
        (row,) = re.findall(rf"^\| `{method}` \|(.*)\|$", page, re.MULTILINE)
        assert dict(zip(names, map(float, row.split("|")), strict=True)) == expected


def test_the_published_concept_is_avoided_by_its_name() -> None:
    plan = Plan.parse({"method": "sld", "edits": [{"erase": "nudity"}], "settings": {"concept": "published"}})
    found = fit(StableDiffusion(tiny_sd(window=512)), plan)
    assert isinstance(found, Guard)
    assert found.rule.concept == PUBLISHED_CONCEPT
    assert [len(PUBLISHED_CONCEPT.split(", ")), PUBLISHED_CONCEPT.split(", ")[-1]] == [20, "cruelty"]
    assert found.provenance["settings"]["concept"] == PUBLISHED_CONCEPT
    with pytest.raises(PlanError, match=r"settings\.concept: .* text window"):  # too long, and not cut off
        guard("sld", [{"erase": "nudity"}], concept="published")
    assert guard("negative", [{"erase": "nudity"}], concept="published").rule.concept == "published"


@pytest.mark.parametrize(
    ("edits", "settings", "says"),
    [
        (
            [{"erase": f"kitchen {n} {n}"} for n in range(9)],
            {},
            r"edits\[0\]: the names of 9 edits do not fit the model's text window",
        ),
        ([{"erase": "dog"}], {"concept": "dog " * 30}, r"settings\.concept: concept .* text window"),
        ([{"replace": "dog", "with": "cat"}], {}, "negative has no way to replace"),
        ([{"erase": "dog", "to": "cat"}], {}, "no way to erase towards an anchor"),
        ([{"erase": "dog"}], {"warmup": 3}, "negative has no setting 'warmup'"),
    ],
)
def test_what_a_guard_cannot_do_is_refused(edits: list[dict[str, Any]], settings: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        guard("negative", edits, **settings)
    with pytest.raises(PlanError, match=says):  # counting beforehand finds it, too
        work_of(tiny_backbone(), Plan.parse({"method": "negative", "edits": edits, "settings": settings}))
