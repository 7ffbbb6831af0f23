from __future__ import annotations

import pytest
import torch

from overpaint.errors import PatchError
from overpaint.patch import Delta, Dense, LowRank, Mapped, Patch
from overpaint.patch.interference import interference
from overpaint.patch.removal import without

EYE = torch.eye(6)
BASE = {"w": "f"}


def reads(*directions: int, seed: int = 0, scale: float = 1.0) -> LowRank:
    """A change of five outputs that reads some of six inputs alone."""
    generator = torch.Generator().manual_seed(seed)
    up = torch.linalg.qr(torch.randn(5, len(directions), generator=generator))[0]
    return LowRank(scale * up, EYE[list(directions)])


def patch(delta: Delta, name: str = "w", about: str = "") -> Patch:
    return Patch({name: delta}, {name: "f"}, {"about": about})


def test_changes_of_different_inputs_leave_each_other_alone() -> None:
    (found,) = interference(patch(reads(0, 1)), patch(reads(2, 3, seed=1)))
    assert found.shared == pytest.approx(0, abs=1e-9)
    assert found.agreement == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("factor", "agreement"), [(2.0, 1.0), (-0.5, -1.0)])
def test_the_same_change_and_its_opposite(factor: float, agreement: float) -> None:
    (found,) = interference(patch(reads(0, 1)), patch(reads(0, 1).scaled(factor)))
    assert found.shared == pytest.approx(1, abs=1e-6)
    assert found.agreement == pytest.approx(agreement, abs=1e-6)


def test_half_of_the_inputs() -> None:
    """Gram matrices diag(1, 1, 0) and diag(0, 1, 1): their cosine is a half; dense and low-rank alike."""
    a, b = reads(0, 1), reads(1, 2, seed=3)
    for left, right in ((a, b), (Dense(a.matrix()), b), (a, Dense(b.matrix()))):
        (found,) = interference(patch(left), patch(right))
        assert found.shared == pytest.approx(0.5, abs=1e-6)


def test_maps_are_compared_by_what_they_read() -> None:
    square = [LowRank(EYE[:, [4]], EYE[[i]]) for i in (0, 0, 1)]
    for other, shared in ((square[1], 1.0), (square[2], 0.0)):
        (found,) = interference(patch(Mapped(square[0])), patch(Mapped(other)))
        assert found.shared == pytest.approx(shared, abs=1e-9)


def test_only_what_both_change_and_of_one_model() -> None:
    assert interference(patch(reads(0)), patch(reads(0), "v")) == []
    with pytest.raises(PatchError, match="different models: see w"):
        interference(patch(reads(0)), Patch({"w": reads(0)}, {"w": "g"}))


def test_a_patch_comes_out_of_a_sum_to_the_bit() -> None:
    a, b, c = (patch(reads(i, i + 1, seed=i), about=str(i)) for i in range(3))
    total = a + b + c
    left = without(total, b)
    assert left.hash == (a + c).hash
    assert without(left, a).hash == c.hash
    assert without(left, a).provenance == c.provenance
    assert without(a + patch(reads(0), "v", "v"), a).hash == patch(reads(0), "v").hash


def test_dense_and_mapped_patches_come_out_too() -> None:
    base = torch.randn(5, 6)
    square = LowRank(EYE[:, [4]], EYE[[0]])
    for first, second in (
        (Dense(torch.randn(5, 6)), reads(1)),
        (Mapped(square), reads(1)),
        (Mapped(square, reads(0)), Mapped(LowRank(EYE[:, [3]], EYE[[1]]))),
    ):
        a, b = patch(first, about="a"), patch(second, about="b")
        for gone, kept in ((a, b), (b, a)):
            left = without(a + b, gone)
            torch.testing.assert_close(left.deltas["w"].of(base), kept.deltas["w"].of(base), rtol=1e-5, atol=1e-5)


def test_what_was_never_added_does_not_come_out() -> None:
    a, b = patch(reads(0), about="a"), patch(reads(1, seed=1), about="b")
    with pytest.raises(PatchError, match="not in the sum"):
        without(a + b, patch(reads(2), about="c"))
    with pytest.raises(PatchError, match="not in the sum as it was: see w"):
        without(a + b, patch(reads(2), about="a"))
