"""What a worker does, and what is said where Ray is missing: without a cluster."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from overpaint.errors import OverpaintError
from overpaint.methods import TransientStore, configure
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.fit import concepts_of
from overpaint.methods.emcid.learn import learn
from overpaint.methods.emcid.memory import Memory
from overpaint.progress import Silent
from overpaint.scale import learn_on_ray
from overpaint.scale.worker import Worker
from tests.methods.emcid.test_fit import plan_of
from tests.methods.tiny import tiny_backbone


def test_a_worker_learns_what_one_process_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = tiny_backbone()
    plan = plan_of({"dog": "cat", "hens": "photo"}, "emcid")
    config = configure(plan, backbone)
    assert isinstance(config, EmcidConfig)
    concepts, after = concepts_of(backbone, plan, config, store=TransientStore(), progress=Silent())
    worker = Worker(backbone.pipe, "cpu", torch.get_num_threads())
    worker.ready()
    ((part, tensors),) = worker.learn(concepts, config, after)
    assert part == [0, 1]
    ours = learn(backbone, concepts, config, after, TransientStore(), Silent())
    assert all(torch.equal(Memory.of(one).value, memory.value) for one, memory in zip(tensors, ours, strict=True))

    def little(backbone: Any, concepts: Any, *rest: Any) -> Any:
        if len(concepts) > 1:
            raise MemoryError
        return ours[:1] if concepts[0].source == "dog" else ours[1:]

    monkeypatch.setattr("overpaint.scale.worker.stage_one", little)
    assert [part for part, _ in worker.learn(concepts, config, after)] == [[0], [1]]


def test_without_ray_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OverpaintError, match=r"pip install 'overpaint\[scale\]'"):
        learn_on_ray(tiny_backbone(), plan_of({"dog": "cat"}, "emcid"), store=TransientStore())
