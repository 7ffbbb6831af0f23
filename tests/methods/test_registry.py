"""Settings are checked against the method and the model, and every mistake says how to mend it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.errors import OverpaintError, PlanError
from overpaint.methods import METHODS, check, configure, fit, resolve, settled
from overpaint.plan import ACTIONS, Plan
from tests.methods.tiny import tiny_backbone


class Shape:
    """As much of a backbone as settings depend on."""

    def __init__(self, family: str, depth: int) -> None:
        self.family = family
        self.text = type("Text", (), {"name": "text_encoder", "blocks": [None] * depth, "depth": depth})()
        self.text_encoders = [self.text]
        self.device, self.dtype = torch.device("cpu"), torch.float32


def plan(method: str = "emcid", **settings: Any) -> Plan:
    return Plan.parse({"method": method, "settings": settings, "edits": [{"replace": "dog", "with": "cat"}]})


def settings_of(method: str, family: str, depth: int = 12, **settings: Any) -> dict[str, Any]:
    return resolve(plan(method, **settings), Shape(family, depth))  # type: ignore[arg-type]


def test_methods_introduce_themselves() -> None:
    assert {"emcid", "emcid-paper", "emcid-copy"} <= set(METHODS)
    assert all(name == method.name for name, method in METHODS.items())
    for method in METHODS.values():
        assert method.actions & set(ACTIONS)
        assert all(need.split()[0] in ACTIONS for need in method.actions)
        assert all(text and "\n" not in text for text in (method.summary, method.edits, method.cost, method.paper))


def test_published_settings_are_the_defaults_on_the_papers_model() -> None:
    for method in ("emcid", "emcid-paper"):
        found = settings_of(method, "sd1")
        expected = {
            "lambda": 4000.0,
            "alpha": 0.5,
            "rate": 0.2,
            "steps": 200,
            "weight_decay": 5e-4,
            "text_weight": 0.01,
            "clamp": 1.5,
            "blocks": list(range(11)),
        }
        assert {name: found[name] for name in expected} == expected
    paper = settings_of("emcid-paper", "sd1")
    assert (paper["residual"], paper["v0"], paper["conditioning"], paper["padding"]) == ("mlp", "first", "short", 0.0)
    assert (paper["image_steps"], paper["image_guidance"], paper["warm_start"]) == (50, 7.5, False)


def test_an_encoder_the_paper_did_not_edit_is_traced() -> None:
    assert settings_of("emcid", "sd2", 23)["blocks"] is None
    assert settings_of("emcid-paper", "sd2", 23)["blocks"] == list(range(11))


@pytest.mark.parametrize("units", [True, False])
def test_the_bundled_model_is_edited_in_the_fastest_precision_but_as_published(
    units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: units, raising=False)
    assert settings_of("emcid", "emoji", 8)["precision"] == ("bfloat16" if units else "float32")
    assert settings_of("emcid-paper", "emoji", 8)["precision"] == "float32"
    assert settings_of("emcid", "sd1")["precision"] == "float32"


def test_the_plans_word_is_last_under_both_names_of_a_setting() -> None:
    assert settings_of("emcid-paper", "sd1", **{"lambda": 10})["lambda"] == 10
    assert settings_of("emcid-paper", "sd1", lambda_=10)["lambda"] == 10
    assert settings_of("emcid-copy", "sd1", values="pooled")["values"] == "pooled"


def test_resolved_settings_resolve_to_themselves() -> None:
    once = settings_of("emcid", "emoji", 8, steps=7)
    assert settings_of("emcid", "emoji", 8, **once) == once


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stepz": 3}, "settings.stepz: emcid has no setting 'stepz'; did you mean 'steps'"),
        ({"steps": 0}, "settings.steps: steps: input should be greater than or equal to 1 (not 0)"),
        ({"residual": "both"}, "residual"),
        ({"alpha": 1.0}, "less than 1"),
        ({"blocks": [3, 1]}, "rising order"),
        ({"blocks": []}, "rising order"),
        ({"lambda": -1}, "settings.lambda"),
        ({"values": "pooled", "text_weight": 0}, "text_weight"),
        ({"values": "states", "warm_start": "states"}, "take warm_start: yes"),
        ({"values": "states", "conditioning": "short"}, "take conditioning: window"),
        ({"warm_start": "states", "conditioning": "short"}, "take conditioning: window"),
        ({"values": "states", "states_in": "contexts"}, "give contexts or take states_in: prompts"),
        ({"timesteps": "sorted"}, "settings.timesteps"),
    ],
)
def test_wrong_settings_are_named_with_their_place(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        settings_of("emcid", "sd1", **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_wrong_settings_are_reported_at_once() -> None:
    with pytest.raises(PlanError) as caught:
        settings_of("emcid", "sd1", steps=0, rate=-1, nonsense=1)
    assert len(str(caught.value).splitlines()) == 3


def test_unknown_methods_get_a_suggestion() -> None:
    with pytest.raises(PlanError, match="did you mean 'emcid'"):
        configure(plan("emcd"), Shape("sd1", 12))  # type: ignore[arg-type]


def test_families_that_a_method_does_not_know_are_refused() -> None:
    """With what stands in the way and what works there."""
    with pytest.raises(PlanError, match="speed does not work on models of family 'flux': text and picture") as caught:
        configure(plan("speed"), Shape("flux", 12))  # type: ignore[arg-type]
    assert str(caught.value).endswith("; take " + ", ".join(n for n, m in METHODS.items() if "flux" in m.families))
    with pytest.raises(PlanError, match="no settings are known for models of family 'unheard of'; it works on emoji"):
        configure(plan(), Shape("unheard of", 12))  # type: ignore[arg-type]


def test_what_a_method_has_no_way_to_do_is_refused_once_with_the_place_and_a_remedy() -> None:
    edits = [{"erase": "hat", "from": "cowboy"}, {"erase": "hat", "from": "sheriff"}, {"erase": "dog"}]
    with pytest.raises(PlanError) as caught:
        configure(Plan.parse({"edits": edits}), Shape("sd1", 12))  # type: ignore[arg-type]
    (line,) = caught.value.problems
    assert line.startswith("edits[0]: emcid has no way to erase a concept from another one ('hat' and 1 more); ")


@pytest.mark.parametrize(
    ("method", "edits", "settings"),
    [
        ("emcid", [{"replace": "dog", "with": "cat"}], {"stepz": 3, "nonsense": 1}),
        ("esd-x", [{"replace": "dog", "with": "cat"}, {"erase": "pizza"}], {}),
        ("negative", [{"erase": "hat", "from": "cowboy"}], {}),
        ("emcd", [{"erase": "pizza"}], {}),
    ],
)
def test_without_a_model_the_same_is_refused_in_the_same_words(
    method: str, edits: list[dict[str, Any]], settings: dict[str, Any]
) -> None:
    asked = Plan.parse({"method": method, "settings": settings, "edits": edits})
    told = []
    for refuse in (check, lambda plan: configure(plan, Shape("sd1", 12))):  # type: ignore[arg-type]
        with pytest.raises(PlanError) as caught:
            refuse(asked)
        told.append(caught.value.problems)
    assert told[0] == told[1]


def test_without_a_model_values_are_left_alone_and_so_is_a_method_that_depends_on_it() -> None:
    check(plan(steps=0, lambda_=-1))
    edits = [{"replace": f"{i}", "with": "cat"} for i in range(301)]
    check(Plan.parse({"settings": {"stepz": 3}, "edits": edits}))
    with pytest.raises(PlanError, match="emcid has no setting 'stepz'"):
        check(Plan.parse({"settings": {"stepz": 3}, "edits": edits[:300]}))


def test_a_model_without_captions_of_its_own_asks_for_some(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny_backbone()
    monkeypatch.setattr(backbone, "family", "sd1")
    with pytest.raises(OverpaintError, match="--captions FILE"):
        fit(backbone, plan("emcid-copy", blocks=[0]))


@pytest.mark.parametrize(
    ("family", "edits", "wanted"),
    [
        ("emoji", [{"replace": f"{i}", "with": "cat"} for i in range(300)], "emcid"),
        ("emoji", [{"replace": f"{i}", "with": "cat"} for i in range(301)], "gates"),
        ("emoji", [{"moderate": "thing", "members": [f"{i}" for i in range(300)]}], "gates"),
        ("flux", [{"replace": f"{i}", "with": "cat"} for i in range(301)], "emcid"),
        ("emoji", [{"debias": f"{i}", "over": ["cat", "dog"]} for i in range(301)], "emcid"),
    ],
)
def test_the_method_that_suits_so_many_on_the_model(family: str, edits: list[dict[str, Any]], wanted: str) -> None:
    model: Any = Shape(family, 12)
    auto = Plan.parse({"edits": edits})
    assert settled(auto, model).method == wanted
    named = auto.model_copy(update={"method": "uce"})
    assert settled(named, model) is named
