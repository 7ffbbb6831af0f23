"""What methods do where the prompt stands behind a task that the denoiser does not read."""

from __future__ import annotations

import pytest

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.errors import PlanError
from overpaint.methods import TransientStore, configure, fit
from overpaint.patch import Patch
from overpaint.trace import causal_trace
from tests.methods.alike import acts_and_is_undone, plan_of, reads_the_destination, writes_the_learned_values
from tests.models import HAS_QWEN_IMAGE, tiny_qwen_image

pytestmark = pytest.mark.skipif(not HAS_QWEN_IMAGE, reason="this diffusers has no Qwen-Image")


@pytest.fixture(scope="module")
def model() -> Backbone:
    return backbone_of(tiny_qwen_image())


def test_emcid_writes_the_learned_values_into_the_language_model(model: Backbone) -> None:
    patch = writes_the_learned_values(model, ("a photo of {}", "{}"))
    names = {f"text_encoder.model.language_model.layers.{block}.mlp.down_proj.weight" for block in (0, 1)}
    assert set(patch.deltas) == names


def test_a_trace_goes_through_all_blocks(model: Backbone) -> None:
    assert causal_trace(model.text, [("dog", "hen")], ["a photo of {}"]).blocks == 3


def test_uce_makes_the_text_stream_read_the_destination(model: Backbone) -> None:
    patch = reads_the_destination(model, fixed=[], protect=0.0)
    assert set(patch.deltas) == {"transformer.txt_in.weight"}


def test_esd_trains_the_transformers_attention(model: Backbone) -> None:
    quick = {"image_steps": 2, "steps": 2, "batch": 2, "rate": 1e-3, "trajectories": 1}
    patch = fit(model, plan_of("esd-x", {"erase": "dog"}, **quick), store=TransientStore())
    assert isinstance(patch, Patch)
    assert all(".attn." in name for name in patch.deltas)
    acts_and_is_undone(model, patch, steps=2, guidance=0.0)  # its scheduler knows no single step


def test_pairs_that_cannot_work_are_refused_with_the_reason(model: Backbone) -> None:
    for method, reason in {"time": "at their own lengths", "refact": "language model", "speed": "share every"}.items():
        with pytest.raises(PlanError, match=reason):
            configure(plan_of(method), model)
