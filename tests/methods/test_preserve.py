"""A plan's preserve list does something, or the log says that it does not."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from overpaint.methods import METHODS, fit, unheeded
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, QUICK, TEMPLATES, changes, fitted, tiny_backbone

MUTE = {"time", "emcid-paper", "refact", *(name for name in METHODS if name not in QUICK)}
"""Those that do nothing for preserved names unless they are told to."""


def plan_of(method: str, *preserve: str, **settings: Any) -> Plan:
    actions = METHODS[method].actions
    edit: dict[str, Any] = {"erase": "dog"}
    if "erase to" in actions or "replace" in actions:
        edit = {"replace": "dog", "with": "cat"} if "replace" in actions else {"erase": "dog", "to": "cat"}
    edits = [{**edit, "prompts": list(TEMPLATES)}]
    settings = {**QUICK.get(method, {}), **settings}
    return Plan.parse({"method": method, "settings": settings, "edits": edits, "preserve": list(preserve)})


def told(plan: Plan) -> str | None:
    return unheeded(tiny_backbone(), plan)


@pytest.mark.parametrize("method", METHODS)
def test_who_does_nothing_for_preserved_names_says_so(method: str) -> None:
    said = told(plan_of(method, "hens"))
    assert (said is not None) == (method in MUTE)
    assert told(plan_of(method)) is None
    if said is not None:
        assert said.startswith(f"preserve: {method} does nothing for preserved names")


def test_the_remedy_is_a_weight_or_another_method() -> None:
    for method in ("time", "emcid-paper"):
        assert str(told(plan_of(method, "hens"))).endswith("settings: {preserve: 1}")
        assert told(plan_of(method, "hens", preserve=1)) is None
    assert told(plan_of("uce", "hens", preserve=0)) is not None
    remedy = str(told(plan_of("refact", "hens"))).partition("; take ")[2]
    able = remedy.split(", ")
    assert {"emcid", "gates", "uce"} <= set(able)
    assert not {"refact", "sld", "time", "esd-x"} & set(able)  # ESD does not replace


@pytest.mark.parametrize("method", [name for name in QUICK if name not in MUTE and not name.startswith("esd-")])
def test_who_says_nothing_heeds_the_list(method: str) -> None:
    model = tiny_backbone(width=96)
    patches = [fitted(model, plan_of(method, *names), captions=CAPTIONS) for names in ((), ("hens",))]
    without, held = (changes(model, patch) for patch in patches)
    assert any(float((held[name] - value).norm() / value.norm()) > 1e-6 for name, value in without.items())


def test_fitting_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fit(tiny_backbone(), plan_of("refact", "hens"), captions=CAPTIONS)
        fit(tiny_backbone(), plan_of("uce", "hens"), captions=CAPTIONS)
    assert [r.getMessage().partition(";")[0] for r in caplog.records] == [
        "preserve: refact does nothing for preserved names"
    ]
