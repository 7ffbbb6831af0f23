"""Stage I on a Ray cluster of two nodes on this machine, one of which dies in mid-run."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor

from overpaint.errors import OverpaintError
from overpaint.methods import TransientStore
from overpaint.plan import Plan
from overpaint.scale import images_on_ray, learn_on_ray
from tests.methods.emcid.test_fit import PAIRS, plan_of, run
from tests.methods.tiny import tiny_backbone

ray = pytest.importorskip("ray", reason="needs overpaint[scale]")

state = pytest.importorskip("ray._private.state", reason="only it knows which workers have started")

THREADS = torch.get_num_threads()
PATIENCE = 120.0
"""Seconds that a worker may take to start."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, connect=True, head_node_args={"num_cpus": THREADS})
    yield made
    ray.shutdown()
    made.shutdown()


class Killing(TransientStore):
    """A store that takes a node of the cluster away when it gets its second memory, with workers on both by then."""

    def __init__(self, cluster: Any, node: Any) -> None:
        super().__init__()
        self.cluster, self.node = cluster, node

    def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
        super().put(key, tensors, meta)
        deadline = time.monotonic() + PATIENCE
        while len(self.entries) == 1 and [actor["State"] for actor in state.actors().values()].count("ALIVE") < 2:
            assert time.monotonic() < deadline, "the second worker did not start"
            time.sleep(0.1)
        if len(self.entries) == 2:
            self.cluster.remove_node(self.node, allow_graceful=False)


def test_a_lost_node_changes_nothing(cluster: Any, caplog: pytest.LogCaptureFixture) -> None:
    backbone = tiny_backbone()
    pairs = {**PAIRS, **{f"x{i}": "cat" for i in range(3)}}
    plan = plan_of(pairs, "emcid", settings={"batch": 1})
    alone = TransientStore()
    wanted = run(backbone, plan, alone).hash
    node = cluster.add_node(num_cpus=THREADS)
    cluster.wait_for_nodes()
    store = Killing(cluster, node)
    before = {name: value.clone() for name, value in backbone.pipe.text_encoder.state_dict().items()}
    with caplog.at_level(logging.WARNING):
        learn_on_ray(backbone, plan, store=store)
    assert all(torch.equal(before[name], value) for name, value in backbone.pipe.text_encoder.state_dict().items())
    assert node not in cluster.list_all_nodes()
    assert "lost a worker" in caplog.text
    learned = {key for key, meta in alone.meta.items() if "source" in meta}
    assert store.entries.keys() == learned
    assert all(torch.equal(store.entries[key]["delta"], alone.entries[key]["delta"]) for key in learned)
    assert run(backbone, plan, store).hash == wanted
    # all is known by now: no cluster is asked
    learn_on_ray(backbone, plan, store=store, address="nowhere:1")


def test_a_method_without_memories_is_refused() -> None:
    plan = Plan.parse({"method": "uce", "edits": [{"erase": "dog"}]})
    with pytest.raises(OverpaintError, match="uce learns no memories; leave --ray out"):
        learn_on_ray(tiny_backbone(), plan, store=TransientStore())


def test_pictures_are_those_of_one_process(cluster: Any) -> None:
    backbone = tiny_backbone()
    asked = (["a dog", "pizza"] * 9, list(range(18)), 1, 1.0)
    ours, theirs = backbone.images(*asked), images_on_ray(backbone, *asked)
    assert len(theirs) == 18
    for one, other in zip(ours, theirs, strict=True):
        apart = abs(numpy.asarray(one).astype(int) - numpy.asarray(other).astype(int))
        assert apart.max() <= 1


def test_a_cluster_without_room_is_said(cluster: Any) -> None:
    plan = plan_of({"dog": "cat"}, "emcid")
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(64)
        with pytest.raises(OverpaintError, match=r"no worker could be started within 2 s; see `ray status`"):
            learn_on_ray(tiny_backbone(), plan, store=TransientStore(), patience=2)
    finally:
        torch.set_num_threads(threads)
