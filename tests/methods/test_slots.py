"""Texts with a slot are checked and tidied the same way in the settings of every method that has them."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from overpaint.errors import PlanError
from overpaint.methods.ablation.config import AblationConfig
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.esd.config import EsdConfig
from overpaint.methods.gates.config import GatesConfig


@pytest.mark.parametrize("config", [EmcidConfig, GatesConfig])
def test_contexts_have_one_slot_each(config: type[BaseModel]) -> None:
    found = config.model_validate({"contexts": ["a {} in a cafe\u0301"]})
    assert found.model_dump()["contexts"] == ("a {} in a caf\u00e9",)
    with pytest.raises(PlanError, match="has 0 slots"):
        config.model_validate({"contexts": ["a {} in a park", "a dog in a park"]})


@pytest.mark.parametrize("config", [EsdConfig, GatesConfig, AblationConfig])
def test_styled_prompts_have_one_slot_each_and_what_is_drawn_instead_is_text(config: type[BaseModel]) -> None:
    found = config.model_validate({"styled": {"a cafe\u0301 by {}": ["a cat by {} and {}", "a cat"]}})
    assert found.model_dump()["styled"] == {"a caf\u00e9 by {}": ("a cat by {} and {}", "a cat")}
    with pytest.raises(PlanError, match="has 2 slots"):
        config.model_validate({"styled": {"a cat by {} and {}": ["a cat"]}})
