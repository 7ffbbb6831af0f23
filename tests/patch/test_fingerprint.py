from __future__ import annotations

import pytest
import torch

from overpaint.patch.fingerprint import fingerprint, same

WEIGHT = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)) * 0.02
FORMS = {
    "float32": WEIGHT,
    "float16": WEIGHT.half(),
    "bfloat16": WEIGHT.bfloat16(),
    "float32 from a float16 file": WEIGHT.half().float(),
    "float32 from a bfloat16 file": WEIGHT.bfloat16().float(),
}


@pytest.mark.parametrize("made_on", FORMS)
@pytest.mark.parametrize("used_on", FORMS)
def test_one_tensor_in_every_type(made_on: str, used_on: str) -> None:
    """Only float16 and bfloat16 cannot be compared: neither is a rounding of the other."""
    strangers = "bfloat16" in made_on + used_on and any(
        f in ("float16", "float32 from a float16 file") for f in (made_on, used_on)
    )
    assert same(fingerprint(FORMS[made_on]), fingerprint(FORMS[used_on])) is not strangers


@pytest.mark.parametrize("form", FORMS)
def test_another_tensor(form: str) -> None:
    changed = WEIGHT.clone()
    changed[3, 4] *= 1.02
    for other in (changed, WEIGHT.T, WEIGHT.reshape(30, 40), -WEIGHT):
        assert not same(fingerprint(FORMS[form]), fingerprint(other))


def test_layout_in_memory_does_not_matter() -> None:
    assert fingerprint(WEIGHT) == fingerprint(WEIGHT.T.contiguous().T)


def test_scalars_and_empty_tensors() -> None:
    assert fingerprint(torch.tensor(1.0)) != fingerprint(torch.tensor([1.0]))
    assert same(fingerprint(torch.zeros(0)), fingerprint(torch.zeros(0)))
