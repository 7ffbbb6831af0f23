"""What is preserved moves less, names nothing that is erased, and is drawn once for all runs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.errors import OverpaintError
from overpaint.methods import TransientStore
from overpaint.methods.esd import rows
from overpaint.methods.esd.kept import kept_prompts
from tests.methods.esd.small import config_of, plan_of, predicted, run, world
from tests.methods.tiny import tiny_backbone


def test_kept_prompts_move_less() -> None:
    backbone = tiny_backbone()
    x, t = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(50, 950, 250)

    def moved(**rest: Any) -> dict[str, float]:
        settings = rest.pop("settings", {})
        patch = run(backbone, plan_of(**rest), steps=8, rate=2e-3, batch=3, **settings)
        found = {name: predicted(backbone, x, t, name) for name in ("hens", "")}
        with patch.applied_to(backbone.pipe):
            return {n: float((predicted(backbone, x, t, n) - v).square().mean()) for n, v in found.items()}

    free = moved()
    kept = moved(preserve=["hens"], settings={"preserve": 10.0})
    assert kept["hens"] < 0.5 * free["hens"]
    protected = moved(settings={"preserve": 10.0, "protect": True})
    assert protected[""] < 0.5 * free[""]
    assert moved(preserve=["hens"], settings={"preserve": 0.0}) == free


def test_captions_that_name_what_is_erased_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    config, plan = config_of(captions=5), plan_of({"erase": "dog"}, {"erase": "cat", "from": "kitchen"})
    backbone, erasures, _ = world(plan, config)
    captions = ["a Dog", "a cat", "hens", "dogs", "hens", "the kitchen"]
    (kept,) = kept_prompts(backbone, plan, config, erasures, captions)
    assert set(kept.drawn) == set(captions)
    assert set(kept.used) == {"hens", "dogs"}
    made = run(backbone, plan, texts=captions, captions=5, steps=1).provenance["training"]
    assert made["preserved prompts"] == 2
    monkeypatch.setattr(backbone, "family", "sd1")
    with pytest.raises(OverpaintError, match="--captions FILE"):
        run(backbone, plan, captions=2)


def test_what_is_kept_is_the_same_after_a_run_with_other_erasures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of preserved prompts are shared between runs, which number their prompts each in its own way."""
    backbone, store = tiny_backbone(), TransientStore()
    shared: dict[str, Any] = {"texts": ["a pizza", "hens", "a road"], "captions": 3}
    both = {"plan": plan_of({"erase": "dog"}, {"erase": "pizza"}, preserve=["cat", "horse"]), **shared}
    run(backbone, plan_of(preserve=["cat", "horse"]), store, **shared)
    run(backbone, plan_of(preserve=["horse", "cat"]), store, **shared)
    alone = run(backbone, **both)
    drawn: list[int] = []
    monkeypatch.setattr(rows, "_kept", lambda *a: drawn.append(1))
    after = run(backbone, store=store, **both)
    assert alone.hash == after.hash
    assert not drawn
    assert alone.provenance["training"]["preserved prompts"] == 4
    # of no concept, so that a store may keep it for everybody
    assert [meta["what"] for meta in store.meta.values() if "source" not in meta] == ["ESD: trajectories of captions"]
