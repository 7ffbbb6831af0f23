"""What methods do where the text encoder is a language model."""

from __future__ import annotations

from typing import Any

import pytest

from overpaint.backbone.z_image import ZImage
from overpaint.errors import PlanError
from overpaint.methods import TransientStore, configure, fit
from overpaint.methods.emcid.fit import preserved
from overpaint.patch import Patch
from tests.methods.alike import acts_and_is_undone, plan_of, reads_the_destination, writes_the_learned_values
from tests.models import HAS_Z_IMAGE, tiny_z_image

pytestmark = pytest.mark.skipif(not HAS_Z_IMAGE, reason="this diffusers has no Z-Image")


@pytest.fixture(scope="module")
def model() -> ZImage:
    return ZImage(tiny_z_image(), side=8)


def test_emcid_writes_the_learned_values_into_the_language_model(model: ZImage) -> None:
    patch = writes_the_learned_values(model, ("a photo of {}", "{}"))
    assert set(patch.deltas) == {f"text_encoder.layers.{block}.mlp.down_proj.weight" for block in (0, 1)}


def test_of_the_empty_prompt_only_what_is_read_is_protected(model: ZImage) -> None:
    plan = plan_of("emcid", blocks=[0])
    config: Any = configure(plan, model)
    kept = preserved(model.text, plan, config)
    assert kept is not None
    assert kept.position.tolist() == list(range(model.text.locate_empty().end + 1))


def test_uce_makes_the_caption_embedder_read_the_destination(model: ZImage) -> None:
    assert len(reads_the_destination(model, fixed=[], protect=0.0).deltas) == 1


def test_esd_trains_the_transformers_attention(model: ZImage) -> None:
    quick = {"image_steps": 2, "steps": 2, "batch": 2, "rate": 1e-3, "trajectories": 1}
    patch = fit(model, plan_of("esd-x", {"erase": "dog"}, **quick), store=TransientStore())
    assert isinstance(patch, Patch)
    assert all(".attention.to_" in name for name in patch.deltas)
    acts_and_is_undone(model, patch)


def test_pairs_that_cannot_work_are_refused_with_the_reason(model: ZImage) -> None:
    for method, reason in {"time": "at their own lengths", "refact": "language model", "speed": "share every"}.items():
        with pytest.raises(PlanError, match=reason):
            configure(plan_of(method), model)
