"""The groups hold what was published, counted on the true structures without a byte of weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from overpaint.backbone.parameters import resolve
from overpaint.errors import BackboneError
from overpaint.methods.esd.selection import VARIANTS, select
from tests.models import tiny_sd

SD14: dict[str, Any] = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
SDXL: dict[str, Any] = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


def on_meta(config: dict[str, Any]) -> Any:
    build: Any = UNet2DConditionModel
    with torch.device("meta"):
        return build(**config)


@pytest.fixture(scope="module")
def sd14() -> Any:
    return on_meta(SD14)


@pytest.fixture(scope="module")
def sdxl() -> Any:
    return on_meta(SDXL)


def millions(unet: Any, variant: Any) -> tuple[float, int]:
    slots = select(unet, variant)
    return sum(slot.value.numel() for slot in slots) / 1e6, len(slots)


@pytest.mark.parametrize(
    ("variant", "count"), [("x", 43.96), ("x-strict", 19.17), ("u", 815.4), ("all", 859.3), ("selfattn", 49.6)]
)
def test_counts_on_stable_diffusion_1_4(sd14: Any, variant: str, count: float) -> None:
    assert millions(sd14, variant)[0] == pytest.approx(count, abs=0.051 if count > 45 else 0.0051)


@pytest.mark.parametrize(("variant", "count"), [("x", 545.7), ("x-strict", 340.8), ("u", 1996.3), ("all", 2541.9)])
def test_counts_on_sdxl(sdxl: Any, variant: str, count: float) -> None:
    assert millions(sdxl, variant)[0] == pytest.approx(count, abs=0.051)


def test_strict_variants_are_matrices_alone(sd14: Any, sdxl: Any) -> None:
    assert [millions(unet, "x-strict")[1] for unet in (sd14, sdxl)] == [32, 140]
    assert all(slot.leaf == "weight" for slot in select(sd14, "x-strict"))


def test_groups_are_found_by_structure_not_by_name(sd14: Any) -> None:
    """What the authors find by "attn2" in a name is what reads the text."""
    for variant in VARIANTS:
        names = {slot.name for slot in select(sd14, variant)}
        has_attn2 = {name for name in names if ".attn2." in name}
        assert bool(has_attn2) == (variant in ("x", "x-strict", "all"))
        assert not any("norm" in name for name in names)
    x, u, everything = ({slot.name for slot in select(sd14, v)} for v in ("x", "u", "all"))
    assert not x & u
    assert x | u == everything


def test_names_are_canonical_and_lead_to_the_parameters() -> None:
    pipe = tiny_sd()
    for slot in select(pipe.unet, "all"):
        assert resolve(pipe, slot.name) is slot.value


def test_a_unet_with_adapters_is_refused() -> None:
    peft = pytest.importorskip("peft")
    unet = tiny_sd().unet
    unet.add_adapter(peft.LoraConfig(r=1, target_modules=["to_k"]))
    with pytest.raises(BackboneError, match="unload"):
        select(unet, "x")
