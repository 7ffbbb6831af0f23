"""The benchmark's two ways solve one problem, and its patch is as large as the pairs make it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest
import torch

from overpaint.patch.fingerprint import fingerprint

WIDTH, OUTPUTS = 48, [8, 12]
CONCEPTS = 3


@pytest.fixture
def closed_form(script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    module = script("closed_form")
    monkeypatch.setitem(module.SHAPES, "small", (WIDTH, OUTPUTS))
    return module


def measure(module: Any, **changed: Any) -> Any:
    asked = {"templates": 1, "empty_prompt": False, "skip_from": 10, "sample_from": 10, "sample": 2} | changed
    layers = module.matrices("small", 0)
    base = {name: fingerprint(weight) for name, weight in layers.items()}
    return module.measure("small", layers, base, CONCEPTS, Namespace(cpu=False, seed=0, **asked))


@pytest.mark.parametrize("templates", [1, 3])
def test_the_map_gives_the_matrices_of_the_loop(closed_form: Any, templates: int) -> None:
    row = measure(closed_form, templates=templates)
    assert row.computed == row.matrices == 2 * len(OUTPUTS)
    assert row.difference < 1e-6


def test_the_loop_is_the_least_squares_solution(closed_form: Any) -> None:
    pairs = closed_form.concept_pairs(WIDTH, CONCEPTS, 0)
    weight = torch.randn(8, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    root = closed_form.LAMBDA**0.5
    keys = torch.cat([pairs.keys, root * torch.eye(WIDTH, dtype=torch.float64)], dim=1)
    targets = torch.cat([weight @ pairs.targets, root * weight], dim=1)
    expected = torch.linalg.lstsq(keys.mT, targets.mT).solution.mT
    torch.testing.assert_close(closed_form.textbook(weight, pairs.keys, pairs.targets), expected)


def test_a_pair_for_each_prompt_takes_as_much_more_of_the_patch(closed_form: Any) -> None:
    one, three = (measure(closed_form, templates=templates).megabytes for templates in (1, 3))
    numbers = 2 * WIDTH * CONCEPTS * 2  # of both factors, for two more pairs of each concept
    assert (three - one) * 1e6 == pytest.approx(4 * numbers, abs=200)


def test_the_empty_prompt_is_kept_where_that_is_asked_for(closed_form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    solve = closed_form.text_map

    def noted(pairs: Any, kept: Any, weight: float) -> Any:
        change = solve(pairs, kept, weight)
        seen.append((kept, change.matrix))
        return change

    monkeypatch.setattr(closed_form, "text_map", noted)
    assert measure(closed_form, empty_prompt=True).difference is None  # the loop keeps nothing
    measure(closed_form)
    (kept, change), (nothing, free) = seen
    assert (kept.fixed.shape[1], kept.soft.shape[1]) == (1, closed_form.EMPTY_PROMPT - 1)
    assert (change @ kept.fixed).abs().max() < 1e-9 < (free @ kept.fixed).abs().max()
    assert (change @ kept.soft).norm() < (free @ kept.soft).norm()
    assert not nothing.fixed.numel() + nothing.soft.numel()
