"""What methods do where states of a language model are read from three depths, padding included."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.errors import PlanError
from overpaint.methods import TransientStore, configure, fit
from overpaint.methods.emcid.fit import preserved
from overpaint.methods.emcid.moments import key_moments
from overpaint.methods.esd.selection import select
from overpaint.patch import Patch
from overpaint.trace import causal_trace
from tests.methods.alike import acts_and_is_undone, plan_of, reads_the_destination, writes_the_learned_values
from tests.methods.tiny import CAPTIONS
from tests.models import HAS_FLUX2_KLEIN, tiny_flux2_klein

pytestmark = pytest.mark.skipif(not HAS_FLUX2_KLEIN, reason="this diffusers has no FLUX.2 [klein]")


@pytest.fixture(scope="module")
def model() -> Backbone:
    return backbone_of(tiny_flux2_klein(window=48))


def test_emcid_writes_the_learned_values_into_the_language_model(model: Backbone) -> None:
    patch = writes_the_learned_values(model, ("a photo of {}", "{}"))
    assert set(patch.deltas) == {f"text_encoder.model.layers.{block}.mlp.down_proj.weight" for block in (0, 1)}


def test_blocks_behind_the_first_depth_are_refused(model: Backbone) -> None:
    with pytest.raises(PlanError, match="is made by its blocks 0 to 8, not 9"):
        fit(model, plan_of("emcid-copy", blocks=[8, 9]), captions=CAPTIONS)


def test_blocks_are_traced_up_to_the_first_depth(model: Backbone) -> None:
    trace = causal_trace(model.text, [("dog", "hen")], ["a photo of {}"])
    assert trace.blocks == 9


@torch.no_grad()
def test_keys_of_padding_are_those_of_padding_that_reads_the_prompt(model: Backbone) -> None:
    """The model's own, given its own attention mask."""
    text = model.text
    ids = text.tokenize(["a dog"])
    mask = ids != text.tokenizer.pad_token_id
    seen: list[torch.Tensor] = []
    handle = text.fc2(3).register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    model.pipe.text_encoder(ids, attention_mask=mask.long())
    handle.remove()
    (keys,) = seen
    moments = key_moments(text, ["a dog"], [3])[3]
    for found, rows in ((moments.caption, keys[mask]), (moments.padding, keys[~mask])):
        expected = (rows.mT @ rows).double()
        torch.testing.assert_close(found.total, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_the_whole_window_of_the_empty_prompt_is_protected(model: Backbone) -> None:
    plan = plan_of("emcid", blocks=[0])
    config: Any = configure(plan, model)
    kept = preserved(model.text, plan, config)
    assert kept is not None
    assert kept.position.tolist() == list(range(48))


def test_uce_makes_the_context_embedder_read_the_destination(model: Backbone) -> None:
    patch = reads_the_destination(model, fixed=[], protect=0.0)
    assert set(patch.deltas) == {"transformer.context_embedder.weight"}


def test_esd_trains_the_transformers_attention(model: Backbone) -> None:
    quick = {"image_steps": 2, "steps": 2, "batch": 2, "rate": 1e-3, "trajectories": 1}
    patch = fit(model, plan_of("esd-x", {"erase": "dog"}, **quick), store=TransientStore())
    assert isinstance(patch, Patch)
    assert all(".attn." in name for name in patch.deltas)
    acts_and_is_undone(model, patch, guidance=0.0)


def test_keys_and_values_of_their_own_have_only_the_blocks_of_two_streams(model: Backbone) -> None:
    strict = {slot.path for slot in select(model.denoiser, "x-strict", "transformer")}
    assert strict == {f"transformer_blocks.0.attn.{name}" for name in ("to_k", "to_v")}
    wide = {slot.path for slot in select(model.denoiser, "x", "transformer")}
    assert {"single_transformer_blocks.0.attn.to_qkv_mlp_proj", "transformer_blocks.0.attn.add_k_proj"} < wide


def test_pairs_that_cannot_work_are_refused_with_the_reason(model: Backbone) -> None:
    for method, reason in {"refact": "language model", "speed": "share every", "emcid-paper": "language model"}.items():
        with pytest.raises(PlanError, match=reason):
            configure(plan_of(method), model)
