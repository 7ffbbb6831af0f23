"""Closed forms are computed in float64 wherever that exists."""

import torch

from overpaint.linear.precision import exact, exact_device


def test_accelerators_without_float64_hand_over_to_the_cpu() -> None:
    assert exact_device("mps") == torch.device("cpu")
    assert exact_device("cuda:1") == torch.device("cuda:1")
    assert exact_device("cpu") == torch.device("cpu")


def test_values_become_float64_and_float64_stays_the_same_tensor() -> None:
    half = torch.tensor([1.5, -2.25], dtype=torch.bfloat16)
    assert exact(half).dtype == torch.float64
    assert exact(half).tolist() == [1.5, -2.25]
    double = torch.ones(3, dtype=torch.float64)
    assert exact(double) is double
