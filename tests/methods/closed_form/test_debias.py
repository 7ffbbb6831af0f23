"""Shares by measuring and correcting, and what text states say of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import PlanError
from overpaint.methods import METHODS, TransientStore, configure, fit
from overpaint.methods.closed_form.company import company_of
from overpaint.methods.closed_form.debias import debias
from overpaint.methods.closed_form.shares import text_shares
from overpaint.methods.debiasing import Debiased, Shares, deviation
from overpaint.patch import Mapped, Patch
from overpaint.plan import Plan
from overpaint.progress import Silent
from tests.methods.closed_form.small import PROMPTS, backbone, last, plan_of, readings
from tests.methods.tiny import fitted

WANTED = {"dog": {"cat": 0.5, "hens": 0.5}, "pizza": {"kitchen": 0.2, "photo": 0.3, "itch": 0.5}}
EDITS: list[dict[str, Any]] = [{"debias": source, "over": over} for source, over in WANTED.items()]
FREE: dict[str, Any] = {"tokens": "last", "fixed": [], "protect": 0, "lambda": 1e-6, "moment": 0}


PICTURES = 10**6


def plan(**settings: Any) -> Plan:
    return plan_of("uce", *EDITS, **FREE, count_pictures=PICTURES, **settings)


class Grader:
    """Pictures show a destination the likelier the nearer the source is read to it, with a taste of its own."""

    key = "grader"

    def __init__(self, model: StableDiffusion) -> None:
        self.model = model
        self.seen: list[Patch] = []
        self.numbers: list[range] = []

    def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
        self.seen.append(patch)
        self.numbers.append(numbers)
        found = {}
        for source, over in ((source, WANTED[source]) for source in sources):
            wanted = {name: readings(self.model, last(self.model, name)) for name in over}
            with patch.applied_to(self.model):
                own = readings(self.model, last(self.model, source))
            scale = next(iter(wanted.values())).norm()
            odds = {n: math.exp(0.7 * (n == "cat") - 2 * float((own - w).norm() / scale)) for n, w in wanted.items()}
            found[source] = {name: value / sum(odds.values()) for name, value in odds.items()}
        return found


def searched(**settings: Any) -> tuple[Debiased, Grader]:
    model = backbone()
    grader = Grader(model)
    asked = plan(**settings)
    config: Any = configure(asked, model)
    return debias(model, asked, config, grader, store=TransientStore(), progress=Silent()), grader


def test_measured_shares_become_the_wanted_ones() -> None:
    found, grader = searched()
    first = deviation(grader(grader.seen[0], [*WANTED], range(1)), WANTED)
    assert first > 0.15
    assert found.error < 0.05
    assert found.error == pytest.approx(deviation(found.shares, WANTED))
    # so many pictures leave no doubt after a few rounds
    assert found.rounds < 9


def test_every_count_is_of_pictures_of_its_own() -> None:
    found, grader = searched(count_rounds=5, tolerance=0.0)
    assert found.rounds == len(grader.seen) == 5
    assert found.pictures == PICTURES // 2
    half, few = PICTURES // 2, PICTURES // 6
    sizes = [few, few, half, half, half]
    assert grader.numbers == [range(sum(sizes[:n]), sum(sizes[: n + 1])) for n in range(5)]
    _, grader = searched(tolerance=0.0)
    most = METHODS["uce"].counted(configure(plan(), grader.model))
    assert sum(len(numbers) for numbers in grader.numbers) == most
    once, grader = searched(count_rounds=1)
    assert once.rounds == len(grader.seen) == 1


def test_the_factors_give_the_patch_again() -> None:
    found, _ = searched(count_rounds=3)
    again = plan_of("uce", *EDITS, **FREE, factors=found.factors)
    assert fit(backbone(), again).hash == found.patch.hash


def test_without_measurements_text_states_have_the_wanted_shares() -> None:
    model = backbone()
    asked = plan()
    patch = fitted(model, asked)
    delta = next(iter(patch.deltas.values()))
    assert isinstance(delta, Mapped)
    eye = torch.eye(model.text.width, dtype=torch.float64)
    for edit in asked.edits:
        over = edit.over or {}
        columns = torch.stack([torch.cat([last(model, n, t)[0] for t in PROMPTS]) for n in over], dim=1)
        mapped = torch.cat([(last(model, edit.source, t) @ (eye + delta.map.matrix()).mT)[0] for t in PROMPTS])
        directions = columns[:, 1:] - columns[:, :1]
        tail = torch.linalg.lstsq(directions, mapped - columns[:, 0]).solution
        torch.testing.assert_close(tail, torch.tensor(list(over.values())[1:], dtype=torch.float64), atol=2e-3, rtol=0)


def test_text_shares_of_a_destination_are_its_own() -> None:
    model = backbone()
    edit = plan().edits[0]
    itself = edit.model_copy(update={"source": "cat"})
    found = text_shares(model.text, itself, PROMPTS)
    assert found["cat"] == pytest.approx(1.0)
    assert sum(text_shares(model.text, edit, PROMPTS).values()) == pytest.approx(1.0)


@pytest.mark.parametrize("tokens", ["last", "sequence"])
def test_what_has_the_wanted_shares_is_left_alone(tokens: str, tmp_path: Any) -> None:
    model = backbone()
    now = text_shares(model.text, plan().edits[0], PROMPTS)
    factors = {"dog": dict.fromkeys(now, 0.0)}
    patch = fit(model, plan_of("uce", EDITS[0], tokens=tokens, factors=factors))
    assert Patch.load(patch.save(tmp_path / "nothing")).hash == patch.hash
    with patch.applied_to(model):
        after = readings(model, last(model, "dog"))
    assert torch.equal(after, readings(model, last(model, "dog")))


def test_refusals() -> None:
    model = backbone()
    nothing = plan_of("uce", {"replace": "dog", "with": "cat"})
    config: Any = configure(nothing, model)
    with pytest.raises(PlanError, match="nothing is debiased"):
        debias(model, nothing, config, Grader(model), store=TransientStore(), progress=Silent())
    with pytest.raises(PlanError, match=r"settings\.count_rounds"):
        searched(count_rounds=0)
    with pytest.raises(PlanError, match="must be of 'cat', 'hens'"):
        fit(model, plan_of("uce", EDITS[0], factors={"dog": {"cat": 1.0}}))


def test_what_does_not_answer_is_moved_no_farther_than_the_limit() -> None:
    model, asked = backbone(), plan(count_rounds=6, tolerance=0)
    config: Any = configure(asked, model)
    store, tried = TransientStore(), list[dict[str, dict[str, float]]]()

    class Deaf:
        """Sees the same whatever is drawn."""

        key = "deaf"

        def __call__(self, patch: Patch, sources: Sequence[str], numbers: range) -> Shares:
            tried.append(patch.provenance["settings"]["factors"])
            return {source: {name: float(name in ("cat", "itch")) for name in WANTED[source]} for source in sources}

    debias(model, asked, config, Deaf(), store=store, progress=Silent(), limit=0.5)
    company = company_of(model, asked, config, store=store, progress=Silent())
    for source, over in company.undone(tried[-1]).items():
        assert max(map(abs, over.values())) == pytest.approx(0.5 * company.lengths[source])
