"""No setting that a method accepts does nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.errors import PlanError
from overpaint.methods import METHODS, configure
from overpaint.methods.closed_form.presets import PRESETS
from overpaint.methods.debiasing import CountedConfig
from overpaint.plan import Plan
from tests.methods.closed_form.small import backbone
from tests.methods.tiny import CAPTIONS, TEMPLATES, changes, fitted, tiny_backbone

OTHER: dict[str, Any] = {
    "tokens": "sequence",
    "bare": True,
    "matrices": "k",
    "strength": 3.0,
    "lambda": 2.0,
    "fixed": ["end"],
    "protect": 5.0,
    "preserve": 5.0,
    "moment": 50.0,
    "captions": 40,
    "factors": {"pizza": {"cat": 0.7, "hens": -0.2}},
    "rounds": 2,
    "closeness": 3.0,
    "threshold": 20.0,
    "retain": 6,
    "filter": False,
    "augment": 2,
    "centres": 1,
    "slack": 0.5,
    "shared": True,
}
"""A value of each setting that is no method's default, but for those of `OWN`."""

OWN: dict[tuple[str, str], Any] = {("uce-paper", "tokens"): "last", ("rece", "bare"): False}

BESIDE: dict[str, dict[str, Any]] = {"captions": {"moment": 10.0, "captions": 20}, "filter": {"retain": 6}}
"""What must hold besides for a setting to be asked for at all."""

SETTINGS = [
    (method, field.alias or name)
    for method in PRESETS
    for name, field in METHODS[method].config.model_fields.items()
    if name not in CountedConfig.model_fields  # for those who count
]


@pytest.mark.parametrize(("method", "setting"), SETTINGS)
def test_every_setting_changes_the_patch(method: str, setting: str) -> None:
    # how many captions of its own the bundled model takes can be asked of it alone
    model = tiny_backbone(double=True, width=96) if setting == "captions" else backbone(width=96)
    captions = None if setting == "captions" else CAPTIONS
    edits: list[dict[str, Any]] = [{"replace": "dog", "with": "cat", "prompts": list(TEMPLATES)}]
    if setting == "factors":
        edits.append({"debias": "pizza", "over": ["cat", "hens"]})
    beside = {"threshold": 0.5, **BESIDE.get(setting, {})} if method == "speed" else BESIDE.get(setting, {})

    def change(**own: Any) -> dict[str, torch.Tensor]:
        settings = {**beside, **own}
        plan = Plan.parse({"method": method, "settings": settings, "edits": edits, "preserve": ["hens", "itch"]})
        return changes(model, fitted(model, plan, captions=captions))

    before, after = change(), change(**{setting: OWN.get((method, setting), OTHER[setting])})
    assert before.keys() != after.keys() or any(
        float((after[name] - value).norm() / value.norm()) > 1e-6 for name, value in before.items()
    )


@pytest.mark.parametrize(
    ("method", "setting"),
    [
        *(("speed", name) for name in ("fixed", "protect", "preserve", "moment", "captions", "factors")),
        *(("oce", name) for name in ("fixed", "moment", "captions", "strength", "factors")),
        *((method, "factors") for method in ("time", "rece", "mace-cfr")),
    ],
)
def test_settings_that_a_method_has_no_use_for_are_refused(method: str, setting: str) -> None:
    edits = [{"replace": "dog", "with": "cat"}]
    with pytest.raises(PlanError, match=f"{method} has no setting '{setting}'"):
        configure(Plan.parse({"method": method, "settings": {setting: OTHER[setting]}, "edits": edits}), backbone())
