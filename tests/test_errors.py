from __future__ import annotations

import pickle
import socket

from overpaint.errors import BackboneError, OverpaintError, PatchError, PlanError, RunError, out_of_memory, unreachable


def test_one_base_catches_all() -> None:
    assert all(issubclass(kind, OverpaintError) for kind in (BackboneError, PatchError, PlanError, RunError))


def test_a_plan_error_says_every_problem_on_a_line_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(PlanError("plan.yaml:3: a", "plan.yaml:9: b")))
    assert str(error) == "plan.yaml:3: a\nplan.yaml:9: b"
    assert error.problems == ("plan.yaml:3: a", "plan.yaml:9: b")


def test_too_little_memory_is_known_whoever_says_it() -> None:
    gpu = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
    others = ("MPS backend out of memory", "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")
    assert all(out_of_memory(error) for error in (gpu, MemoryError(), *map(RuntimeError, others)))
    assert not any(out_of_memory(error) for error in (RuntimeError("shapes differ"), ValueError("out of memory")))


def test_a_server_that_cannot_be_reached_is_known_by_what_the_error_came_of() -> None:
    connect = type("ConnectError", (type("NetworkError", (Exception,), {}),), {})("name or service not known")
    told = OSError("a/b does not appear to have a file named model_index.json")
    assert not unreachable(told)
    told.__context__ = FileNotFoundError("not in the cache")
    assert not unreachable(told)
    told.__context__.__cause__ = connect
    assert unreachable(told)
    assert all(map(unreachable, (connect, ConnectionRefusedError(), socket.gaierror())))
