"""Stage I on a Ray cluster: memories stream into the store as they are learned, a lost worker's are learned elsewhere.

Nothing else of an edit is distributed: with all memories in its store, `overpaint.fit` derives the patch in seconds.
Batches are those of a single process, so the patch has the same hash where the processors are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overpaint.backbone.loading import backbone_of
from overpaint.errors import OverpaintError
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.fit import concepts_of
from overpaint.methods.emcid.learn import Learning
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.registry import configure
from overpaint.methods.store import MemoryStore
from overpaint.plan import Plan
from overpaint.progress import Progress, Silent
from overpaint.scale.crew import PATIENCE, Call, Crew, connected

__all__ = ["learn_on_ray"]


def learn_on_ray(
    model: Any,
    plan: Plan,
    *,
    store: MemoryStore,
    captions: Sequence[str] | None = None,
    address: str = "local",
    progress: Progress | None = None,
    patience: float = PATIENCE,
) -> None:
    """Learn those memories of a plan that the store has not; `overpaint.fit` with the same store does the rest.

    Workers are as many as the cluster has room for, each with as many threads as torch has here, and a GPU if the
    model is on one. Overpaint must be installed on all machines, and pictures of the plan be readable there.

    Args:
        model: a diffusers pipeline or its backbone; copies of it travel to the workers.
        captions: those that `overpaint.fit` will be given; they say where in a phrase its value stands.
        address: of a running cluster, as ``ray.init`` takes it, or ``local`` for one on this machine alone. If Ray is
            initialised already, its cluster is used.
        patience: seconds to wait for the first worker, or for another one after all were lost.

    Raises:
        OverpaintError: Ray is not installed, the cluster cannot be reached or has no room, the plan's method has no
            memories, or a batch has been lost with its worker three times. What was learned is in the store.
    """
    backbone = backbone_of(model)
    config = configure(plan, backbone)
    if not isinstance(config, EmcidConfig):
        raise OverpaintError(f"{plan.at('method')}: {plan.method} learns no memories; leave --ray out")
    progress = progress or Silent()
    concepts, after = concepts_of(backbone, plan, config, store=store, progress=progress, captions=captions)
    work = Learning(backbone, concepts, config, after, store)
    todo = [group for members in work.batches if (group := work.missing(members))]
    if not todo:
        return
    with connected(address) as ray:
        crew = Crew(ray, backbone, len(todo), patience)
        total = sum(map(len, todo))
        with progress.task(f"Stage I on {crew.size} workers", total=total, unit="concept") as advance:
            calls = [_call([concepts[i] for i in group], config, after) for group in todo]
            for number, learned in crew.results("learn", calls):
                for part, tensors in learned:
                    work.keep([todo[number][i] for i in part], [Memory.of(one) for one in tensors])
                advance(len(todo[number]))


def _call(concepts: list[Concept], config: EmcidConfig, after: dict[str, int]) -> Call:
    return Call(", ".join(repr(concept.source) for concept in concepts), (concepts, config, after))
