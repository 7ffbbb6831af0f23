"""What the closed-form edits do to what cross-attention reads."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from overpaint.errors import PlanError
from overpaint.methods import METHODS, resolve
from overpaint.methods.closed_form import presets
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.closed_form.small import PROMPTS, asked, backbone, edited, last, moved, plan_of, readings
from tests.methods.tiny import CAPTIONS, changes, fitted

REPLACE = {"replace": "dog", "with": "cat"}


def test_a_name_is_read_as_the_other_up_to_what_the_ridge_holds_back() -> None:
    """For one pair and nothing kept, T c - g = (c - g) lambda / (lambda + s ||c||^2)."""
    model = backbone()
    free: dict[str, Any] = {"fixed": [], "protect": 0, "bare": True, "lambda": 2.0, "strength": 3.0}
    patch = fitted(model, plan_of("uce", REPLACE, **free))
    c, g = last(model, "dog"), last(model, "cat")
    share = 2.0 / (2.0 + 3.0 * float(c.square().sum()))
    torch.testing.assert_close(edited(model, patch, c), readings(model, g + share * (c - g)), rtol=1e-5, atol=1e-5)


def test_every_prompt_of_every_edit_is_read_anew_at_once() -> None:
    model = backbone(double=False, width=128)
    edits = REPLACE, {"rectify": "chop", "as": "itch"}, {"erase": "pizza", "to": "kitchen"}
    plan = plan_of("uce", *edits, protect=0.1)
    patch = fitted(model, plan)
    for source, destination in (("dog", "cat"), ("chop", "itch"), ("pizza", "kitchen")):
        for template in PROMPTS:
            c, g = last(model, source, template), last(model, destination, template)
            left = (edited(model, patch, c) - readings(model, g)).norm() / (readings(model, c - g)).norm()
            assert left < 0.1


def test_an_erased_name_is_read_as_its_anchor_its_kind_or_nothing() -> None:
    model = backbone()
    patch = fitted(model, plan_of("uce", {"erase": "dog"}, {"erase": "hens", "kind": "style"}))
    begin = model.text.encode([""])[:, 0]
    for name, becomes in (("dog", begin), ("hens", last(model, "art", "{}"))):
        left = edited(model, patch, last(model, name)) - readings(model, becomes)
        assert left.norm() < 0.3 * readings(model, last(model, name) - becomes).norm()


def test_moderation_takes_the_members_along() -> None:
    model = backbone()
    patch = fitted(model, plan_of("uce", {"moderate": "dog", "members": ["hens", "pizza"]}))
    begin = readings(model, model.text.encode([""])[:, 0])
    for name in ("dog", "hens", "pizza"):
        before = (readings(model, last(model, name)) - begin).norm()
        assert (edited(model, patch, last(model, name)) - begin).norm() < 0.3 * before


def test_the_begin_token_is_read_as_before() -> None:
    model = backbone(double=False)
    states = model.text.encode(["photo of dog"])
    begin, name = states[:, 0], states[:, 3]
    for plan in (plan_of("uce", REPLACE), plan_of("uce", {"erase": "dog"}, tokens="sequence")):
        patch = fitted(model, plan)
        assert moved(model, patch, begin) < 1e-6 * float(readings(model, begin).norm())
        assert moved(model, patch, name) > 1e-2 * float(readings(model, name).norm())


def test_the_empty_prompt_is_protected_unless_told_otherwise() -> None:
    model = backbone()
    empty = model.text.encode([""])[0]
    kept = moved(model, fitted(model, plan_of("uce", REPLACE)), empty)
    loose = moved(model, fitted(model, plan_of("uce", REPLACE, fixed=[], protect=0)), empty)
    exact = moved(model, fitted(model, plan_of("uce", REPLACE, fixed=["begin", "end", "padding"])), empty)
    assert kept < 0.5 * loose
    assert exact < 1e-5 * float(readings(model, empty).norm())


def test_preserved_names_move_less() -> None:
    model = backbone()
    states = torch.cat([last(model, "hens", t) for t in PROMPTS])
    with_list = fitted(model, plan_of("uce", REPLACE, preserve=["hens"]))
    without = fitted(model, plan_of("uce", REPLACE))
    assert moved(model, with_list, states) < 0.5 * moved(model, without, states)


@torch.no_grad()
def test_maces_prior_of_the_domain_is_that_of_preserved_names_whole_prompts() -> None:
    """Its formula with sums over all tokens, for every matrix."""
    model = backbone(width=96)
    names = ["hens", "itch"]
    plan = plan_of("mace-cfr", REPLACE, preserve=names, moment=2.0)
    assert resolve(plan, model)["preserve"] == 1e-4 * 8e3
    patch = fitted(model, plan, captions=CAPTIONS)
    pairs, _, _ = asked(model, plan)
    said = model.text.encode(CAPTIONS).flatten(0, 1)
    domain = model.text.encode([t.format(name) for name in names for t in PROMPTS]).flatten(0, 1)
    held = 2.0 * said.mT @ said / len(said) + 0.8 * domain.mT @ domain
    ridge = 0.1 * torch.eye(len(held), dtype=held.dtype) + held
    right = torch.linalg.inv(ridge + pairs.keys @ pairs.keys.mT)
    for name, layer in model.cross_attention_projections().items():
        expected = (layer.weight @ ridge + layer.weight @ pairs.targets @ pairs.keys.mT) @ right - layer.weight
        torch.testing.assert_close(patch.deltas[name].of(layer.weight), expected, rtol=1e-4, atol=1e-6)
    without = fitted(model, plan_of("mace-cfr", REPLACE, moment=2.0), captions=CAPTIONS)
    asking = {**plan_of("mace-cfr", REPLACE).to_data(), "settings": {"moment": 2.0, "preserve": 0.8}}
    weighed = fitted(model, Plan.parse(asking), captions=CAPTIONS)
    ours = changes(model, without)
    assert all(torch.equal(value, ours[name]) for name, value in changes(model, weighed).items())
    assert moved(model, patch, domain) < 0.9 * moved(model, without, domain)


@pytest.mark.parametrize(("concepts", "weight"), [(1, 0.8), (4, 0.8), (5, 5.0), (10, 8.0), (99, 8.0), (100, 20.0)])
def test_maces_prior_of_the_domain_grows_with_concepts_as_published(concepts: int, weight: float) -> None:
    edits = [{"replace": f"dog {number}", "with": "cat"} for number in range(concepts)]
    assert resolve(plan_of("mace-cfr", *edits, preserve=["hens"]), backbone())["preserve"] == weight
    assert resolve(plan_of("mace-cfr", *edits), backbone())["preserve"] == 0


def test_captions_hold_it_back() -> None:
    model = backbone()
    states = model.text.encode(CAPTIONS).flatten(0, 1)
    free = fitted(model, plan_of("uce", REPLACE, {"erase": "hens"}))
    held = fitted(model, plan_of("uce", REPLACE, {"erase": "hens"}, moment=1e4), captions=CAPTIONS)
    assert moved(model, held, states) < 0.5 * moved(model, free, states)


def test_only_the_wanted_matrices_change_and_all_come_back(tmp_path: Path) -> None:
    model = backbone()
    before = copy.deepcopy(model.unet.state_dict())
    patch = fitted(model, plan_of("uce", REPLACE, matrices="v"))
    assert {name.split(".")[-2] for name in patch.deltas} == {"to_v"}
    assert set(fitted(model, plan_of("uce", REPLACE)).deltas) == set(model.cross_attention_projections())
    again = Patch.load(patch.save(tmp_path / "patch.safetensors"))
    assert again.hash == patch.hash
    with again.applied_to(model), torch.no_grad():
        changed = {k for k, v in model.unet.state_dict().items() if not torch.equal(v, before[k])}
    assert {f"unet.{name}" for name in changed} == set(patch.deltas)
    assert all(torch.equal(before[k], v) for k, v in model.unet.state_dict().items())
    assert patch.provenance["settings"]["matrices"] == "v"
    assert Plan.parse(patch.provenance["plan"]) == plan_of("uce", REPLACE, matrices="v")


def test_the_file_holds_the_map_once(tmp_path: Path) -> None:
    model = backbone(double=False)
    patch = fitted(model, plan_of("uce", REPLACE))
    assert len(patch.deltas) >= 6
    assert patch.size == 4 * 2 * 2 * model.text.width


def test_half_strength_goes_half_the_way() -> None:
    model = backbone()
    patch, c = fitted(model, plan_of("uce", REPLACE)), last(model, "dog")
    half = edited(model, patch.scale(0.5), c) - readings(model, c)
    torch.testing.assert_close(2 * half, edited(model, patch, c) - readings(model, c), rtol=1e-4, atol=1e-5)


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    edits = [{"replace": "x" * 30, "with": "cat"}, {"replace": "dog", "with": "y" * 30}]
    with pytest.raises(PlanError) as caught:
        fitted(backbone(), plan_of("uce", *edits, preserve=["q" * 30], factors={"hens": {"cat": 1.0}}))
    assert len(str(caught.value).splitlines()) == 4


@pytest.mark.parametrize("name", sorted(presets.PRESETS))
def test_every_method_edits_and_repeats_itself(name: str) -> None:
    model = backbone(double=False, width=128)  # as many directions as "all" tokens of two names need
    weaker = {"moment": 1.0} if name == "mace-cfr" else {}  # weights are for states as long as CLIP's
    plan = plan_of(name, REPLACE, {"replace": "pizza", "with": "kitchen"}, preserve=["hens"], **weaker)
    patch = fitted(model, plan, captions=CAPTIONS)
    assert patch.hash == fitted(model, plan, captions=CAPTIONS).hash
    c, g = last(model, "dog"), last(model, "cat")
    before = (readings(model, c) - readings(model, g)).norm()
    if name == "rece":  # away from what it was; where to, its later rounds do not mind
        assert moved(model, patch, c) > 0.5 * before
    elif name != "mace-cfr":
        assert (edited(model, patch, c) - readings(model, g)).norm() < 0.9 * before
    else:  # the words behind, not the name
        behind = [model.text.encode([p])[:, 2] for p in ("dog", "cat")]
        before = (readings(model, behind[0]) - readings(model, behind[1])).norm()
        assert (edited(model, patch, behind[0]) - readings(model, behind[1])).norm() < 0.9 * before


def test_published_settings() -> None:
    model = backbone(double=False)
    found = {
        name: resolve(plan_of(name, REPLACE), model)
        for name in presets.PRESETS
        if name not in ("uce", "oce", "mace-cfr")
    }
    assert (found["uce-paper"]["tokens"], found["uce-paper"]["lambda"], found["uce-paper"]["fixed"]) == (
        "sequence",
        0.5,
        [],
    )
    assert (found["time"]["lambda"], found["time"]["preserve"], found["time"]["protect"]) == (0.1, 0.0, 0.0)
    assert (found["rece"]["lambda"], found["rece"]["preserve"], found["rece"]["closeness"]) == (0.1, 0.1, 0.1)
    speed = found["speed"]
    assert (speed["matrices"], speed["threshold"], speed["augment"], speed["lambda"]) == ("v", 0.1, 10, 1.0)
    assert all("arXiv" in METHODS[name].paper for name in presets.PRESETS)
