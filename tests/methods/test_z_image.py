"""What methods do where the text encoder is a language model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.z_image import ZImage
from overpaint.errors import PlanError
from overpaint.methods import TransientStore, configure, fit
from overpaint.methods.emcid.fit import preserved
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS
from tests.models import HAS_Z_IMAGE, tiny_z_image

pytestmark = pytest.mark.skipif(not HAS_Z_IMAGE, reason="this diffusers has no Z-Image")

TEMPLATES = ("a photo of {}", "{}")
REPLACED = {"replace": "dog", "with": "cat", "prompts": list(TEMPLATES)}


@pytest.fixture(scope="module")
def model() -> ZImage:
    return ZImage(tiny_z_image(), side=8)


def plan_of(method: str, edit: dict[str, Any] | None = None, **settings: Any) -> Plan:
    return Plan.parse({"method": method, "settings": settings, "edits": [edit or REPLACED]})


def test_emcid_writes_the_learned_values_into_the_language_model(model: ZImage) -> None:
    store, text = TransientStore(), model.text
    plan = plan_of("emcid", blocks=[0, 1], steps=5, protect=0.0, **{"lambda": 1e-4})
    patch = fit(model, plan, store=store, captions=CAPTIONS)
    assert isinstance(patch, Patch)
    assert set(patch.deltas) == {f"text_encoder.layers.{block}.mlp.down_proj.weight" for block in (0, 1)}
    (memory,) = [entry for entry in store.entries.values() if "delta" in entry]

    @torch.no_grad()
    def state() -> Tensor:
        found = [text.locate(t, "dog") for t in TEMPLATES]
        rows = text.run(text.embed(text.tokenize([one.prompt for one in found])), 0, 2)
        return torch.stack([row[one.last] for row, one in zip(rows, found, strict=True)]).mean(dim=0)

    wanted = memory["v0"] + memory["delta"]
    before = state()
    with patch.applied_to(model.pipe):
        after = state()
    assert (after - wanted).norm() < 0.2 * (before - wanted).norm()
    assert torch.equal(state(), before)


def test_of_the_empty_prompt_only_what_is_read_is_protected(model: ZImage) -> None:
    plan = plan_of("emcid", blocks=[0])
    config: Any = configure(plan, model)
    kept = preserved(model.text, plan, config)
    assert kept is not None
    assert kept.position.tolist() == list(range(model.text.locate_empty().end + 1))


@torch.no_grad()
def test_uce_makes_the_caption_embedder_read_the_destination(model: ZImage) -> None:
    named = {"replace": "dog", "with": "cat", "prompts": ["{}"]}
    patch = fit(model, plan_of("uce", named, fixed=[], protect=0.0, **{"lambda": 1e-6}))
    (reading,) = model.readings
    (layer,) = reading.layers.values()
    (reader,) = reading.readers
    rows = torch.stack([reader.encode([name])[0, reader.locate("{}", name).last] for name in ("dog", "cat")])
    old = layer(rows)
    with patch.applied_to(model.pipe):
        torch.testing.assert_close(layer(rows)[0], old[1], rtol=1e-2, atol=1e-2)


def test_esd_trains_the_transformers_attention(model: ZImage) -> None:
    quick = {"image_steps": 2, "steps": 2, "batch": 2, "rate": 1e-3, "trajectories": 1}
    before = model.sample(["dog"], [0], steps=1)
    patch = fit(model, plan_of("esd-x", {"erase": "dog"}, **quick), store=TransientStore())
    assert isinstance(patch, Patch)
    assert all(".attention.to_" in name for name in patch.deltas)
    with patch.applied_to(model.pipe):
        assert not torch.equal(model.sample(["dog"], [0], steps=1), before)
    assert torch.equal(model.sample(["dog"], [0], steps=1), before)


def test_pairs_that_cannot_work_are_refused_with_the_reason(model: ZImage) -> None:
    for method, reason in {"time": "at their own lengths", "refact": "language model", "speed": "share every"}.items():
        with pytest.raises(PlanError, match=reason):
            configure(plan_of(method), model)
