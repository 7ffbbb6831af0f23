"""What debiased sources do to each other, against maps that are solved for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.methods import TransientStore, configure
from overpaint.methods.closed_form import company
from overpaint.methods.closed_form.company import Company, company_of
from overpaint.methods.closed_form.text_map import text_map
from overpaint.methods.debiasing import Factors
from overpaint.plan import Plan
from overpaint.progress import Silent
from tests.methods.closed_form.small import PROMPTS, asked, backbone, last, plan_of

OVER = {"dog": ("cat", "hens"), "pizza": ("kitchen", "photo", "itch")}
EDITS: list[dict[str, Any]] = [
    {"debias": "dog", "over": {"cat": 0.5, "hens": 0.5}},
    {"replace": "hen", "with": "kitchen"},
    {"debias": "pizza", "over": {"kitchen": 0.2, "photo": 0.3, "itch": 0.5}},
]
FACTORS: Factors = {"dog": {"cat": 0.7, "hens": -0.7}, "pizza": {"kitchen": -0.2, "photo": 0.9, "itch": -0.7}}
NOTHING: Factors = {source: dict.fromkeys(over, 0.0) for source, over in FACTORS.items()}
SETTINGS: list[dict[str, Any]] = [
    {"tokens": "last", "lambda": 0.5},
    {"tokens": "last", "lambda": 0.1, "strength": 2.5, "fixed": [], "protect": 0, "moment": 3},
    {"tokens": "sequence"},
]


def plan(factors: Factors, settings: dict[str, Any]) -> Plan:
    return plan_of("uce", *EDITS, preserve=["a cat"], factors=factors, **settings)


def found(settings: dict[str, Any]) -> Company:
    model, whole = backbone(), plan(NOTHING, settings)
    config: Any = configure(whole, model)
    options: Any = {"store": TransientStore(), "progress": Silent(), "captions": ["photo of a hen", "a cat"]}
    return company_of(model, whole, config, **options)


def along(factors: Factors, settings: dict[str, Any]) -> dict[str, Tensor]:
    """How far each source's last tokens are moved along each of its destinations, by the whole plan's map."""
    model = backbone()
    pairs, kept, config = asked(model, plan(factors, settings))
    change = text_map(pairs, kept, config.lambda_).matrix
    return {
        source: torch.stack(
            [
                torch.stack([(last(model, name, t) @ change @ last(model, source, t).mT).squeeze() for t in PROMPTS])
                for name in over
            ]
        ).sum(dim=1)
        for source, over in OVER.items()
    }


@pytest.mark.parametrize("settings", SETTINGS[:2])
def test_sources_come_as_far_in_company_as_they_would_alone(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(company, "DAMPING", 0.0)
    still = along(NOTHING, settings)
    together = along(found(settings).made_up(FACTORS), settings)
    uncorrected = along(FACTORS, settings)
    for source in OVER:
        alone = along({**NOTHING, source: FACTORS[source]}, settings)[source] - still[source]
        torch.testing.assert_close(together[source] - still[source], alone, rtol=1e-6, atol=1e-9)
        assert (uncorrected[source] - still[source] - alone).norm() > 1e-4 * alone.norm()


def test_it_says_which_factors_the_plan_has() -> None:
    model, whole = backbone(), plan(FACTORS, SETTINGS[0])
    config: Any = configure(whole, model)
    assert company_of(model, whole, config, store=TransientStore(), progress=Silent()).given == FACTORS


@pytest.mark.parametrize("settings", SETTINGS[:2])
def test_lengths_move_sources_by_their_own(settings: dict[str, Any]) -> None:
    model, friends = backbone(), found(settings)
    for source, over in OVER.items():
        states = {name: torch.cat([last(model, name, t)[0] for t in PROMPTS]) for name in (source, *over)}
        pairs = [(a, b) for a in over for b in over if a < b]
        first, second = max(pairs, key=lambda pair: float((states[pair[0]] - states[pair[1]]).norm()))
        factors = {**dict.fromkeys(over, 0.0), first: friends.lengths[source], second: -friends.lengths[source]}
        still, moved = along(NOTHING, settings)[source], along({**NOTHING, source: factors}, settings)[source]
        ways = list(over)
        along_it = (moved - still)[ways.index(first)] - (moved - still)[ways.index(second)]
        apart = (states[first] - states[second]).norm()
        assert float(along_it / apart) == pytest.approx(float(states[source].norm()), rel=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_damped_factors_lead_back(settings: dict[str, Any]) -> None:
    friends = found(settings)
    made_up = friends.made_up(FACTORS)
    back = friends.undone(made_up)
    assert made_up != FACTORS
    for source, over in FACTORS.items():
        assert list(back[source]) == list(over)
        assert list(back[source].values()) == pytest.approx(list(over.values()), rel=1e-6, abs=1e-9)


def test_a_single_source_has_no_company() -> None:
    model = backbone()
    single = plan_of("uce", EDITS[0], factors={"dog": FACTORS["dog"]})
    config: Any = configure(single, model)
    friends = company_of(model, single, config, store=TransientStore(), progress=Silent())
    assert friends.made_up({"dog": FACTORS["dog"]})["dog"] == pytest.approx(FACTORS["dog"])


def test_sources_that_read_alike_do_not_drive_each_other_out_of_bounds() -> None:
    """Two prompts of one and the same source could only be told apart by infinite factors."""
    alike = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]] * 2, dtype=torch.float64)
    alone = torch.eye(4, dtype=torch.float64)
    names = tuple((source, name) for source in ("a", "b") for name in ("man", "woman"))
    friends = Company(names, alike + company.DAMPING * alone, (1 + company.DAMPING) * alone, {}, {})
    opposed: Factors = {"a": {"man": 1.0, "woman": -1.0}, "b": {"man": -1.0, "woman": 1.0}}
    largest = max(abs(a) for over in friends.made_up(opposed).values() for a in over.values())
    assert largest == pytest.approx((1 + company.DAMPING) / company.DAMPING)


def test_a_source_that_cannot_be_moved_keeps_nothing_from_being_solved() -> None:
    moved = torch.diag(torch.tensor([0.0, 0.0, 2.0, 3.0], dtype=torch.float64))
    names = tuple((source, name) for source in ("held", "free") for name in ("man", "woman"))
    factors: Factors = {"held": {"man": 1.0, "woman": -1.0}, "free": {"man": 0.5, "woman": -0.5}}
    found = Company(names, moved, moved, {}, {}).made_up(factors)
    assert found["held"] == {"man": 0.0, "woman": 0.0}
    assert found["free"] == pytest.approx(factors["free"])
