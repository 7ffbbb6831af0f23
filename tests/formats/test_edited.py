from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.loading import load
from overpaint.backbone.parameters import resolve
from overpaint.errors import PatchError
from overpaint.formats.checkpoint import checkpoint_tensors
from overpaint.formats.edited import edited_tensors
from overpaint.formats.families import family_of
from overpaint.formats.folder import write_folder
from overpaint.formats.stored import as_stored
from overpaint.patch import Dense, Patch
from tests.formats.edits import low_rank_patch
from tests.formats.pipelines import PIPELINES
from tests.formats.test_folder import everything


def published(family: str, folder: Path) -> Any:
    """A model of float16 files, opened in float32."""
    return load(write_folder(PIPELINES[family]().to(torch.float16), folder), "cpu")


def written(pipe: Any, patch: Patch, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    return checkpoint_tensors(pipe, family_of(pipe), edited_tensors(pipe, patch, dtype))


def made_of_a_copy(folder: Path, patch: Patch, dtype: torch.dtype | None = None) -> dict[str, Tensor]:
    """The same by changing a model itself."""
    pipe = load(folder, "cpu")
    as_stored(pipe)
    patch.apply(pipe, removable=False)
    if dtype is not None:
        pipe.to(dtype)
    return checkpoint_tensors(pipe, family_of(pipe))


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("family", PIPELINES)
def test_it_is_what_an_edited_copy_holds_and_the_model_stays_as_it_is(family: str, tmp_path: Path) -> None:
    pipe = published(family, tmp_path)
    before = {name: (tensor.dtype, tensor.clone()) for name, tensor in everything(pipe).items()}
    patch = low_rank_patch(pipe, family)
    found = written(pipe, patch)
    assert {tensor.dtype for tensor in found.values() if tensor.numel()} == {torch.float16}
    assert same(found, made_of_a_copy(tmp_path, patch))
    assert same(written(pipe, patch, torch.bfloat16), made_of_a_copy(tmp_path, patch, torch.bfloat16))
    for name, tensor in everything(pipe).items():
        assert tensor.dtype == before[name][0]
        assert torch.equal(tensor, before[name][1]), name


def test_a_tied_tensor_is_changed_under_all_its_names(tmp_path: Path) -> None:
    pipe = published("sd3", tmp_path)
    name = "text_encoder_3.encoder.embed_tokens.weight"
    base = resolve(pipe, name)
    assert base is resolve(pipe, "text_encoder_3.shared.weight")
    torch.manual_seed(0)
    patch = Patch.made_on(pipe, {name: Dense(torch.randn(base.shape))})
    found = written(pipe, patch)
    assert same(found, made_of_a_copy(tmp_path, patch))
    edited = [tensor for key, tensor in found.items() if key.endswith(("shared.weight", "embed_tokens.weight"))]
    assert edited
    assert not any(torch.equal(tensor, base) for tensor in edited)


def test_a_patch_of_another_model_is_refused(tmp_path: Path) -> None:
    patch = low_rank_patch(PIPELINES["sd1"](), "sd1")
    pipe = PIPELINES["sd1"]()
    with torch.no_grad():
        resolve(pipe, next(iter(patch.deltas))).add_(1)
    with pytest.raises(PatchError, match="made for another model"):
        edited_tensors(pipe, patch)
