"""Pipelines that save memory their own way, by offloading or slicing, draw and are edited as they are, and stay so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from accelerate.hooks import CpuOffload

import overpaint
from overpaint.backbone.loading import backbone_of
from overpaint.errors import BackboneError
from tests.methods.tiny import CAPTIONS, TEMPLATES, fitted
from tests.models import tiny_sd, tiny_sdxl

PLANS: dict[str, dict[str, Any]] = {
    "emcid": {"blocks": [0, 1], "steps": 2, "image_steps": 2, "draws": 2},
    "uce": {},
    # in full precision: slices are summed in another order, and its steps go by signs of gradients
    "esd-x": {
        "image_steps": 2,
        "trajectories": 1,
        "steps": 2,
        "batch": 1,
        "captions": 0,
        "checkpoint_every": 0,
        "precision": "float32",
    },
}


def offloaded(pipe: Any) -> Any:
    """By diffusers itself, to the processor, as there is nothing else here: all hooks are in their places."""
    pipe.enable_model_cpu_offload(device="cpu")
    return pipe


def sliced(pipe: Any) -> Any:
    pipe.enable_attention_slicing(1)
    pipe.vae.enable_slicing()
    return pipe


def way(pipe: Any) -> dict[str, Any]:
    """What offloading and slicing have set."""
    found: dict[str, Any] = {f"{name} slicing": getattr(pipe.vae, name) for name in ("use_slicing", "use_tiling")}
    found |= {name: type(processor) for name, processor in pipe.unet.attn_processors.items()}
    found |= {name: type(getattr(part, "_hf_hook", None)) for name, part in pipe.components.items()}
    found["sizes"] = [getattr(p, "slice_size", None) for p in pipe.unet.attn_processors.values()]
    return found


@pytest.mark.parametrize("make", [tiny_sd, tiny_sdxl])
@pytest.mark.parametrize("saving", [offloaded, sliced])
def test_the_same_is_drawn_and_the_pipeline_goes_on_saving(
    make: Callable[[], Any], saving: Callable[[Any], Any]
) -> None:
    pipe = saving(make())
    before = way(pipe)
    assert before != way(make())
    assert overpaint.load(pipe) is pipe
    drawn = backbone_of(pipe).sample(["a hen", "a dog"], [0, 1], steps=2)
    wanted = backbone_of(make()).sample(["a hen", "a dog"], [0, 1], steps=2)
    torch.testing.assert_close(drawn, wanted, rtol=1e-3, atol=1e-3)
    assert way(pipe) == before


@pytest.mark.parametrize("method", PLANS)
@pytest.mark.parametrize("saving", [offloaded, sliced])
def test_the_same_is_edited_and_the_pipeline_goes_on_saving(method: str, saving: Callable[[Any], Any]) -> None:
    edit = {"erase": "dog", "to": "cat", "prompts": list(TEMPLATES)}
    plan = overpaint.Plan.parse({"method": method, "settings": PLANS[method], "edits": [edit]})
    pipe = saving(tiny_sd())
    before = way(pipe)
    patch, wanted = (fitted(one, plan, captions=CAPTIONS) for one in (pipe, tiny_sd()))
    assert way(pipe) == before
    assert patch.deltas.keys() == wanted.deltas.keys()
    with patch.applied_to(pipe), wanted.applied_to(other := tiny_sd()):
        drawn = [
            pipe("a dog", num_inference_steps=2, output_type="latent", latents=noise()).images for pipe in (pipe, other)
        ]
    torch.testing.assert_close(*drawn, rtol=1e-3, atol=1e-3)
    assert way(pipe) == before


def noise() -> torch.Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_text_is_read_where_its_encoder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are run one by one; a hook that brought the encoder elsewhere meanwhile would part it from the states."""
    moved: list[Any] = []
    monkeypatch.setattr(CpuOffload, "pre_forward", lambda self, module, *args, **named: moved.append(module))
    pipe = offloaded(tiny_sdxl())
    backbone_of(pipe).encode(["a hen"])
    assert not moved


def test_weights_that_are_kept_elsewhere_are_one_clear_line() -> None:
    pipe = tiny_sd()
    pipe.enable_sequential_cpu_offload(device="cpu")
    with pytest.raises(BackboneError, match=r"sequential CPU offload.*take enable_model_cpu_offload") as caught:
        backbone_of(pipe)
    assert "\n" not in str(caught.value)
