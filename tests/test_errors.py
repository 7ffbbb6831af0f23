from __future__ import annotations

import pickle

from overpaint.errors import BackboneError, OverpaintError, PatchError, PlanError, RunError


def test_one_base_catches_all() -> None:
    assert all(issubclass(kind, OverpaintError) for kind in (BackboneError, PatchError, PlanError, RunError))


def test_a_plan_error_says_every_problem_on_a_line_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(PlanError("plan.yaml:3: a", "plan.yaml:9: b")))
    assert str(error) == "plan.yaml:3: a\nplan.yaml:9: b"
    assert error.problems == ("plan.yaml:3: a", "plan.yaml:9: b")
