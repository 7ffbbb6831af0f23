"""Recorded steps are what the sampler saw, at the noise level that the label says."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler

from overpaint.methods.esd.trajectories import arrive, length, predictions, record
from tests.methods.tiny import tiny_backbone

SCHEDULERS = [DDIMScheduler, PNDMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_cached_predictions_are_those_made_afresh(scheduler: type) -> None:
    backbone = tiny_backbone(scheduler=scheduler)
    states, empty = backbone.encode(["dog", "cat"]), backbone.encode([""])
    found = record(backbone, states, empty, [1, 2], 3, 3.0)
    assert found.x.shape[:2] == (2, length(backbone, 3))
    for row in range(2):
        for cached, given in ((found.prompted, states[row : row + 1]), (found.empty, empty)):
            fresh = predictions(backbone, found.x[row], found.t, given.repeat(len(found.t)))
            torch.testing.assert_close(cached[row], fresh, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_partial_trajectory_is_the_beginning_of_the_whole(scheduler: type) -> None:
    backbone = tiny_backbone(scheduler=scheduler)
    states, empty = backbone.encode(["dog"]), backbone.encode([""])
    whole = record(backbone, states, empty, [5], 3, 3.0)
    for at in range(len(whole.t)):
        x, t = arrive(backbone, states, empty, [5], 3, 3.0, at)
        assert torch.equal(x.cpu(), whole.x[:, at])
        assert float(t) == float(whole.t[at])
    with pytest.raises(ValueError, match="no step"):
        arrive(backbone, states, empty, [5], 3, 3.0, len(whole.t))


def test_inputs_are_scaled_as_the_scheduler_wants() -> None:
    """Euler's own latents begin with a spread of some 13; the network must see about 1."""
    backbone = tiny_backbone(scheduler=EulerDiscreteScheduler)
    states, empty = backbone.encode(["dog"] * 8), backbone.encode([""])
    x, _ = arrive(backbone, states, empty, list(range(8)), 4, 3.0, 0)
    assert float(x.std()) == pytest.approx(1.0, abs=0.15)


def test_a_trajectory_depends_on_its_own_seed_alone() -> None:
    backbone = tiny_backbone()
    states, empty = backbone.encode(["dog", "cat"]), backbone.encode([""])
    both = record(backbone, states, empty, [1, 2], 3, 3.0)
    alone = record(backbone, states[1:], empty, [2], 3, 3.0)
    torch.testing.assert_close(both.x[1], alone.x[0], rtol=1e-4, atol=1e-5)
    assert torch.equal(both.x[1, 0], alone.x[0, 0])
