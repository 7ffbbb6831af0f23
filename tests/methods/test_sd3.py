"""What methods do on Stable Diffusion 3: three text encoders, one layer that reads rows of two kinds."""

from __future__ import annotations

import pytest

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.stable_diffusion_3 import StableDiffusion3
from overpaint.methods import TransientStore, fit
from overpaint.patch import Patch
from tests.methods.alike import acts_and_is_undone, plan_of, reads_the_destination
from tests.methods.tiny import CAPTIONS
from tests.models import tiny_sd3

BLOCKS = {"text_encoder": [0], "text_encoder_2": [1], "text_encoder_3": [0, 1]}


@pytest.fixture(scope="module")
def model() -> StableDiffusion3:
    found = backbone_of(tiny_sd3())
    assert isinstance(found, StableDiffusion3)
    return found


def test_uce_solves_for_rows_of_both_kinds_together(model: StableDiffusion3) -> None:
    """One matrix reads CLIP's rows and T5's: one map makes both read the destination."""
    assert [len(reading.readers) for reading in model.readings] == [2, 1]
    reads_the_destination(model, fixed=[], protect=0.0)


def test_emcid_edits_all_three_encoders(model: StableDiffusion3) -> None:
    store = TransientStore()
    patch = fit(model, plan_of("emcid", blocks=BLOCKS, steps=3), store=store, captions=CAPTIONS)
    assert isinstance(patch, Patch)
    assert set(patch.deltas) == {text.fc2_name(b) for text in model.text_encoders for b in BLOCKS[text.name]}
    (memory,) = [entry for entry in store.entries.values() if "delta" in entry]
    assert memory["delta"].shape == (16 + 24 + 48,)


@pytest.mark.parametrize("method", ["esd-x", "esd-x-strict"])
def test_esd_trains_the_shared_attention(model: StableDiffusion3, method: str) -> None:
    quick = {"image_steps": 2, "steps": 2, "batch": 2, "rate": 1e-3, "trajectories": 1}
    patch = fit(model, plan_of(method, {"erase": "dog"}, **quick), store=TransientStore())
    assert isinstance(patch, Patch)
    assert all(name.startswith("transformer.transformer_blocks.") and ".attn" in name for name in patch.deltas)
    acts_and_is_undone(model, patch)
