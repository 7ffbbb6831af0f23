"""Plans reach ESD by name, with published settings where there are some."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.errors import PlanError
from overpaint.methods import METHODS, fit, resolve
from overpaint.methods.esd.config import EsdConfig, defaults, defaults_of_plan
from overpaint.methods.esd.objective import turned_away, way_left
from overpaint.methods.esd.selection import VARIANTS, select
from overpaint.plan import Plan
from tests.methods.tiny import tiny_backbone

FEW = {"steps": 1, "image_steps": 2, "trajectories": 1, "captions": 0, "batch": 1}


def plan(method: str, settings: dict[str, Any] | None = None, **edit: Any) -> Plan:
    return Plan.parse({"method": method, "settings": settings or {}, "edits": [{"erase": "dog", **edit}]})


def test_every_variant_is_a_method() -> None:
    assert {f"esd-{variant}" for variant in VARIANTS} <= set(METHODS)


def test_published_settings_are_the_defaults() -> None:
    expected = {"steps": 1000, "batch": 1, "rate": 1e-5, "guidance": 3.0, "image_steps": 50, "eta": 1.0}
    for family in ("sd1", "sd2"):
        for name in ("esd-x", "esd-u"):
            found = EsdConfig(**defaults(name, family)).model_dump()
            assert {key: found[key] for key in expected} == expected
            assert (found["captions"], found["protect"], found["until"]) == (0, False, "steps")
    strict, u = (EsdConfig(**defaults(name, "sdxl")) for name in ("esd-x-strict", "esd-u"))
    assert (strict.rate, u.rate, strict.guidance, strict.eta, strict.steps) == (2e-4, 1e-5, 2.0, 0.0, 200)


def test_a_plan_names_the_variant_and_may_override_it() -> None:
    backbone = tiny_backbone()
    assert resolve(plan("esd-u"), backbone)["parameters"] == "u"
    assert resolve(plan("esd-u", {"parameters": "all", "eta": 3}), backbone)["eta"] == 3.0
    patch = fit(backbone, plan("esd-x-strict", FEW, to="cat"))
    assert set(patch.deltas) == {slot.name for slot in select(backbone.unet, "x-strict")}  # type: ignore[union-attr]
    assert patch.provenance["method"] == "esd-x-strict"
    assert Plan.parse(patch.provenance["plan"]) == plan("esd-x-strict", FEW, to="cat")


def test_styles_of_the_bundled_model_have_defaults_of_their_own_unless_things_are_erased_too() -> None:
    backbone = tiny_backbone()
    noto = {"erase": "noto", "kind": "style"}
    styles, mixed, mine = (
        resolve(Plan.parse({"method": "esd-x", "edits": edits, "settings": settings}), backbone)
        for edits, settings in (([noto], {}), ([noto, {"erase": "dog"}], {}), ([noto], {"steps": 7}))
    )
    things = resolve(plan("esd-x"), backbone)
    assert mixed == {**things, "captions": 1024}
    assert not things["styled"]
    assert styles["eta"] == 0
    assert styles["steps"] > things["steps"]
    assert mine == {**styles, "steps": 7}
    assert len(styles["styled"]) > 100


def test_what_contradicts_itself_is_refused() -> None:
    backbone = tiny_backbone()
    with pytest.raises(PlanError, match="on_policy_every"):
        resolve(plan("esd-x", {"sampling": "published", "on_policy_every": 5}), backbone)
    with pytest.raises(PlanError, match="greater than 1"):
        resolve(plan("esd-x", {"guidance": 1.0}), backbone)
    with pytest.raises(PlanError, match="esd-x has no way to replace"):
        resolve(Plan.parse({"method": "esd-x", "edits": [{"replace": "dog", "with": "cat"}]}), backbone)


@pytest.mark.parametrize(
    ("settings", "enough"),
    [({}, 0.5), ({"eta": 3.0}, 0.75), ({"eta": 0.0}, 0.2), ({"measure": "pictures"}, 0.05), ({"gone": 0.3}, 0.3)],
)
def test_what_is_gone_depends_on_what_is_measured_and_on_the_target(settings: dict[str, Any], enough: float) -> None:
    assert EsdConfig(**settings).enough() == enough


@pytest.mark.parametrize("eta", [2.0, 4.0])
def test_x_is_gone_from_y_where_as_much_as_x_has_is_taken_away(eta: float) -> None:
    empty, source, base = (torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(n)) for n in range(3))
    wanted, goal = (turned_away(empty, source, strength, base) for strength in (eta, 1.0))
    enough = EsdConfig(eta=eta).enough(apart=True)
    torch.testing.assert_close(way_left(goal, base, wanted), torch.full((4,), enough))
    assert EsdConfig(eta=1.0).enough(apart=True) == 0.2


@pytest.mark.parametrize(("family", "alone", "mixed"), [("sd1", 2.0, 1.0), ("sdxl", 1.0, 1.0), ("flux", 1.0, 1.0)])
def test_what_is_erased_from_another_concept_has_a_strength_of_its_own(family: str, alone: float, mixed: float) -> None:
    hat, dog = {"erase": "hat", "from": "cowboy"}, {"erase": "dog"}
    for edits, eta in (([hat], alone), ([hat, dog], mixed)):
        one = Plan.parse({"method": "esd-x", "edits": edits})
        assert {**defaults("esd-x", family), **defaults_of_plan("esd-x", family, one)}["eta"] == eta
    style = Plan.parse({"method": "esd-x", "edits": [{"erase": "noto", "from": "cat", "kind": "style"}]})
    assert defaults_of_plan("esd-x", "emoji", style) == {}


def test_nothing_would_be_erased_from_a_concept_without_strength() -> None:
    backbone = tiny_backbone()
    edits = [{"erase": "pizza", "from": "kitchen"}]
    with pytest.raises(PlanError, match="with eta 0 nothing is erased from 'kitchen'"):
        fit(backbone, Plan.parse({"method": "esd-x", "edits": edits, "settings": {**FEW, "eta": 0}}))


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3"])
def test_no_more_is_drawn_than_the_updates_of_one_concept_take(family: str) -> None:
    config = EsdConfig(**defaults("esd-x", family))
    assert 0.85 <= config.steps * config.batch / (config.trajectories * config.image_steps) <= 1.2
    rounds = EsdConfig(**{**defaults("esd-x", family), "on_policy_every": 50})
    served = -(-50 // config.image_steps)
    assert rounds.refreshed(1, config.image_steps) == (1, served)
    assert rounds.refreshed(40, config.image_steps) == (served, 1)
