from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import BackboneError, PatchError
from overpaint.patch import Dense, LowRank, Mapped, Patch
from tests.models import tiny_sd
from tests.patch.examples import BIAS, FC2, make, matrix_of, snapshot, unchanged


@pytest.fixture
def pipe() -> Any:
    return tiny_sd(layers=2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_are_changed_as_written_and_restored_to_the_bit(pipe: Any, dtype: torch.dtype) -> None:
    patch = make(pipe)
    pipe.to(dtype)
    before = snapshot(pipe)
    with patch.applied_to(pipe):
        for name, now in named_parameters(pipe).items():
            old = before[name]
            if name in patch.deltas:
                change = matrix_of(patch.deltas[name]).reshape(old.shape)
                assert torch.equal(now, (old.double() + change).to(dtype))
                assert not torch.equal(now, old)
            else:
                assert torch.equal(now, old)
    assert unchanged(pipe, before)


def test_a_patch_changes_pictures_and_leaves_no_trace(pipe: Any) -> None:
    model = StableDiffusion(pipe)
    patch = make(pipe)
    before = model.sample(["a hen"], [0], steps=2)
    with patch.applied_to(model):
        assert not torch.allclose(model.sample(["a hen"], [0], steps=2), before, atol=1e-2)
    assert torch.equal(model.sample(["a hen"], [0], steps=2), before)


def test_a_patch_made_on_a_patched_model_needs_that_model(pipe: Any) -> None:
    first = make(pipe, 0)
    with first.applied_to(pipe):
        second = make(pipe, 1)
        second.check(pipe)
        first.check(pipe)
    first.check(pipe)
    with pytest.raises(PatchError, match="made for another model"):
        second.check(pipe)


def test_shared_tensor_is_changed_once(pipe: Any) -> None:
    text = StableDiffusion(pipe).text
    text.fc2(1).weight = text.fc2(0).weight
    before = text.fc2(0).weight.detach().clone()
    delta = make(pipe, 0, (FC2.format(0),)).deltas[FC2.format(0)]
    twice = Patch.made_on(pipe, {FC2.format(0): delta, FC2.format(1): delta})
    with twice.applied_to(pipe):
        assert torch.equal(text.fc2(1).weight, (before.double() + matrix_of(delta)).float())
    assert torch.equal(text.fc2(1).weight, before)
    torn = Patch.made_on(pipe, {FC2.format(0): delta, FC2.format(1): delta.scaled(2)})
    for removable in (True, False):
        with pytest.raises(PatchError, match="one tensor"):
            torn.apply(pipe, removable=removable)
        assert torch.equal(text.fc2(1).weight, before)
    assert {name: value.tolist() for name, value in twice.edited(pipe, {}).items()} == dict.fromkeys(
        twice.deltas, (before.double() + matrix_of(delta)).float().tolist()
    )
    with pytest.raises(PatchError, match="one tensor"):
        torn.edited(pipe, {})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_edited_weights_are_those_of_a_cast_model_and_leave_this_one_as_it_is(pipe: Any, dtype: torch.dtype) -> None:
    patch, before = make(pipe), snapshot(pipe)
    found = patch.edited(pipe, dict.fromkeys(patch.deltas, dtype))
    assert unchanged(pipe, before)
    pipe.to(dtype)
    patch.apply(pipe, removable=False)
    assert found.keys() == patch.deltas.keys()
    for name, value in found.items():
        assert value.dtype == dtype
        assert torch.equal(value, resolve(pipe, name))
    with pytest.raises(PatchError, match="made for another model"):
        patch.edited(pipe, {})


def test_wrong_models_are_refused_by_name(pipe: Any) -> None:
    patch = make(pipe)
    other = tiny_sd(layers=2, seed=1)
    before = snapshot(other)
    with pytest.raises(PatchError, match=rf"made for another model.*{FC2.format(0)}.*load tiny"):
        patch.apply(other)
    assert unchanged(other, before)
    with pytest.raises(PatchError, match=r"has shape \(64, 256\) here and \(32, 128\) in the patch"):
        patch.apply(tiny_sd(layers=2, width=64))
    with pytest.raises(PatchError, match="does not fit this model"):
        patch.apply(tiny_sd(layers=1))
    with torch.no_grad():
        resolve(pipe, FC2.format(1))[0, 0] += 0.1
    with pytest.raises(PatchError, match=r"first difference in .*layers\.1\.mlp"):
        patch.check(pipe)
    with pytest.raises(BackboneError, match="none of that name"):
        Patch.made_on(pipe, {"unet.nothing": Dense(torch.zeros(1))})


def test_offloaded_weights_are_refused(pipe: Any) -> None:
    patch = make(pipe)
    pipe.unet.to("meta")
    with pytest.raises(PatchError, match="offloaded or quantised"):
        patch.apply(pipe)


def test_scale_and_sum(pipe: Any) -> None:
    a, b = make(pipe, 0), make(pipe, 1, (FC2.format(0), BIAS))
    whole = a + b.scale(0.5)
    assert set(whole.deltas) == set(a.deltas)
    for name, delta in whole.deltas.items():
        expected = matrix_of(a.deltas[name]) + (0.5 * matrix_of(b.deltas[name]) if name in b.deltas else 0)
        assert torch.allclose(matrix_of(delta), expected, atol=1e-5)
    assert isinstance(whole.deltas[FC2.format(0)], LowRank)
    assert whole.provenance == {"sum": [a.provenance, {**b.provenance, "scale": 0.5}]}
    before = snapshot(pipe)
    with a.scale(0.0).applied_to(pipe):
        assert unchanged(pipe, before)
    assert a.scale(0.5).scale(3).provenance["scale"] == 1.5
    with pytest.raises(PatchError, match="different models"):
        a + make(tiny_sd(layers=2, seed=1))


def test_many_patches_are_added_one_by_one(pipe: Any, tmp_path: Path) -> None:
    part = make(pipe, 0, (BIAS,))
    total = part
    for _ in range(600):
        total = total + part
    assert Patch.load(total.save(tmp_path / "patch.safetensors")).provenance == {"sum": [part.provenance] * 601}


def test_changes_of_other_shapes_have_no_sum(pipe: Any) -> None:
    patch, name = make(pipe), FC2.format(0)
    other = Patch({name: Dense(torch.ones(3))}, {name: patch.base[name]})
    with pytest.raises(PatchError, match=f"do not fit each other: {name}: .*have no sum"):
        patch + other


def test_hash_is_of_names_and_tensors_alone(pipe: Any) -> None:
    a = make(pipe)
    assert a.hash == Patch(dict(reversed(list(a.deltas.items()))), a.base, {"else": 1}).hash
    assert a.hash != make(pipe, 1).hash
    assert a.hash != a.scale(2).hash
    renamed = {name.replace("layers.0", "layers.9"): delta for name, delta in a.deltas.items()}
    assert a.hash != Patch(renamed, {name.replace("layers.0", "layers.9"): f for name, f in a.base.items()}).hash


def test_a_patch_is_data(pipe: Any) -> None:
    patch = make(pipe)
    with pytest.raises(TypeError):
        patch.deltas["x"] = Dense(torch.zeros(1))  # type: ignore[index]
    assert patch.size == sum(4 * tensor.numel() for tensor in patch.tensors().values())
    assert "4 parameters" in repr(patch)


def test_diverged_edits_make_no_patch(pipe: Any) -> None:
    with pytest.raises(PatchError, match="not finite"):
        Patch.made_on(pipe, {BIAS: Dense(torch.full((16,), float("nan")))})


def test_edited_pipeline_saves_as_a_plain_one(pipe: Any, tmp_path: Path) -> None:
    make(pipe).apply(pipe)
    pipe.save_pretrained(tmp_path)
    again = StableDiffusionPipeline.from_pretrained(tmp_path, safety_checker=None)
    assert unchanged(again, snapshot(pipe))


def test_a_map_acts_on_the_weights_that_it_was_made_for(pipe: Any) -> None:
    """Under another patch too, and in half precision on the rounded weights."""
    layers = StableDiffusion(pipe).cross_attention_projections()
    generator = torch.Generator().manual_seed(3)
    change = LowRank(torch.randn(32, 2, generator=generator), torch.randn(2, 32, generator=generator) / 32)
    patch = Patch.made_on(pipe, {name: Mapped(change) for name in layers})
    name = next(iter(layers))
    other = make(pipe, 5, (name,))
    before = snapshot(pipe)
    own = before[name].double() @ change.matrix()
    with other.applied_to(pipe), patch.applied_to(pipe):
        both = (before[name].double() + matrix_of(other.deltas[name])).float().double() + own
        assert torch.equal(resolve(pipe, name), both.float())
    assert unchanged(pipe, before)
    with (patch + other).applied_to(pipe):
        torch.testing.assert_close(resolve(pipe, name).double(), both, rtol=1e-5, atol=1e-5)
    assert unchanged(pipe, before)
    pipe.to(torch.float16)
    halves = snapshot(pipe)
    with patch.applied_to(pipe):
        assert torch.equal(resolve(pipe, name), (halves[name].double() @ (torch.eye(32) + change.matrix())).half())
    assert unchanged(pipe, halves)
    with pytest.raises(PatchError, match=r"shape \(.*\) here"):
        patch.apply(tiny_sd(layers=2, width=64))
