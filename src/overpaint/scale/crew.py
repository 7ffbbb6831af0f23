"""Workers on a Ray cluster: calls go to whoever is free, those of a lost worker to another one."""

from __future__ import annotations

import copy
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from overpaint.backbone.backbone import Backbone
from overpaint.errors import OverpaintError
from overpaint.scale.worker import Worker

__all__ = ["Call", "Crew", "connected"]

_log = logging.getLogger(__name__)

PATIENCE = 600.0
"""Seconds to wait for the first worker, or for another one after all were lost."""
TRIES = 3
"""How often a call may be lost together with its worker, or a worker while it starts, before that is an error."""


@dataclass(frozen=True)
class Call:
    """What a worker is to do: arguments of its method, and a name for people."""

    name: str
    words: tuple[Any, ...]


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected; what was begun here is ended here.

    Raises OverpaintError if Ray is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise OverpaintError("--ray: Ray is not installed; pip install 'overpaint[scale]'") from error
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address, log_to_driver=False, include_dashboard=False if address == "local" else None)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise OverpaintError(f"--ray {address}: no cluster there ({reason}); start one with `ray start`") from error
    try:
        yield ray
    finally:
        ray.shutdown()


class Crew:
    """Workers on a cluster, started anew when they are lost.

    Attributes:
        size: how many there are to be.
    """

    def __init__(self, ray: Any, backbone: Backbone, most: int, patience: float) -> None:
        self._ray = ray
        self._patience = patience
        gpu, threads = backbone.device.type == "cuda", torch.get_num_threads()
        have = ray.cluster_resources()
        room = have.get("GPU", 0) if gpu else have.get("CPU", 0) // threads
        self.size = max(1, min(int(room), most))
        # Alive again wherever there is room; `max_restarts` would start it anew even if its batch is what kills it.
        kind = ray.remote(Worker).options(num_gpus=int(gpu), num_cpus=1 if gpu else threads)
        pipe = backbone.pipe if backbone.device.type == "cpu" else copy.deepcopy(backbone.pipe).to("cpu")
        self._new = (kind, ray.put(pipe), backbone.device.type, threads)
        self._starting: dict[Any, Any] = {}
        for _ in range(self.size):
            self._start()

    def results(self, task: str, calls: Sequence[Call]) -> Iterator[tuple[int, Any]]:
        """What the workers' method ``task`` gives for each call, with its number, in the order of completion.

        Raises:
            OverpaintError: there is no room for a worker, they are lost while they start, or three of them with the
                same call. What a call itself raises is raised here.
        """
        ray, errors = self._ray, self._ray.exceptions
        waiting, lost = list(range(len(calls))), Counter[int | None]()
        idle: list[Any] = []
        working: dict[Any, tuple[Any, int | None]] = {}
        while waiting or working:
            while waiting and idle:
                free, first = idle.pop(), waiting.pop(0)
                working[getattr(free, task).remote(*calls[first].words)] = (free, first)
            # With somebody at work there is all the time in the world: a batch may take hours. Who has just started
            # comes first: of several that are ready the first is given, and a quick worker's result always is.
            done, _ = ray.wait([*self._starting, *working], timeout=None if working else self._patience)
            if not done:
                raise OverpaintError(
                    f"no worker could be started within {self._patience:g} s; see `ray status` for what the cluster"
                    " has room for"
                )
            (answer,) = done
            worker, number = (self._starting.pop(answer), None) if answer in self._starting else working.pop(answer)
            try:
                learned = ray.get(answer)
            except errors.RayTaskError as error:
                raise error.cause from error
            except errors.RayError as error:
                _log.warning("lost a worker (%s), its work is done elsewhere", type(error).__name__)
                lost[number] += 1
                if lost[number] == TRIES:
                    raise OverpaintError(_cause(error, None if number is None else calls[number].name)) from error
                if number is not None:
                    waiting.insert(0, number)
                self._start()
                continue
            idle.append(worker)
            if number is not None:
                yield number, learned

    def _start(self) -> None:
        kind, *words = self._new
        worker = kind.remote(*words)
        self._starting[worker.ready.remote()] = worker


def _cause(error: Exception, name: str | None) -> str:
    """What seems to be wrong when workers are lost again and again, while they start or with the same call."""
    if name is None:
        reason = " ".join(str(error).split())[:300]
        return f"{TRIES} workers were lost while they started ({reason}); is overpaint installed on all machines?"
    return f"{TRIES} workers were lost with {name}; give them more memory, or a smaller batch (--set batch=1)"
