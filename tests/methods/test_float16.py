"""Pipelines loaded in float16, as most are on GPUs, are edited as the same weights in float32."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.errors import PlanError
from overpaint.methods import configure, fit
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, tiny_backbone
from tests.patch.examples import matrix_of

QUICK: dict[str, dict[str, Any]] = {
    "emcid": {"blocks": [0, 1], "steps": 3, "image_steps": 2, "draws": 2, "lambda": 0.01, "values": "noise"},
    "refact": {"block": 1, "steps": 3},
    "esd-x": {"image_steps": 2, "trajectories": 1, "steps": 3, "captions": 0},
    "ablation": {"images": 2, "image_steps": 2, "steps": 3, "batch": 2},
}


@pytest.mark.parametrize("method", QUICK)
def test_a_float16_pipeline_gets_nearly_the_same_change(method: str) -> None:
    plan = Plan.parse({"method": method, "settings": QUICK[method], "edits": [{"erase": "dog", "to": "cat"}]})
    changes = []
    for half in (True, False):
        backbone = tiny_backbone()
        for part in (backbone.pipe.text_encoder, backbone.pipe.unet, backbone.pipe.vae):
            part.half()
            if not half:
                part.float()
        patch = fit(backbone, plan, captions=CAPTIONS)
        assert isinstance(patch, Patch)
        changes.append(torch.cat([matrix_of(delta).flatten().double() for delta in patch.deltas.values()]))
    cosine = torch.nn.functional.cosine_similarity(*changes, dim=0)
    assert cosine > 0.9
    assert changes[0].norm() == pytest.approx(float(changes[1].norm()), rel=0.1)


def test_a_precision_that_a_cpu_does_not_mix_with_float16_is_refused() -> None:
    plan = Plan.parse({"method": "esd-x", "settings": {"precision": "bfloat16"}, "edits": [{"erase": "dog"}]})
    backbone = tiny_backbone()
    configure(plan, backbone)
    backbone.pipe.unet.half()
    with pytest.raises(PlanError, match="precision: on a CPU torch does not compute in bfloat16 with weights"):
        configure(plan, backbone)
