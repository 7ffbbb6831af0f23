from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.errors import PatchError
from overpaint.formats.lora import adapter_of
from overpaint.patch import Dense, LowRank, Mapped, Patch
from tests.models import tiny_sd

FC2 = "text_encoder.text_model.encoder.layers.0.mlp.fc2"
TO_K = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
BIAS = "unet.conv_in.bias"


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny_sd(layers=2)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_low_rank_is_exact_at_its_true_rank(pipe: Any) -> None:
    """Factors that repeat themselves, as sums of patches have them, are made as thin as they can be."""
    up, down = random(32, 3), random(3, 128, seed=1)
    wide = LowRank(torch.cat([up, up], 1), torch.cat([down, down]))
    adapter = adapter_of(Patch.made_on(pipe, {f"{FC2}.weight": wide}), pipe)
    layer = adapter.layers[FC2]
    assert layer.rank == 3
    assert adapter.exact
    torch.testing.assert_close(layer.up.double() @ layer.down.double(), wide.matrix(), rtol=1e-5, atol=1e-5)


def test_a_cut_is_the_best_of_its_rank_and_its_error_is_told(pipe: Any) -> None:
    for delta in (Dense(random(32, 128)), LowRank(random(32, 20), random(20, 128, seed=1))):
        values = torch.linalg.svdvals(delta.matrix())
        adapter = adapter_of(Patch.made_on(pipe, {f"{FC2}.weight": delta}), pipe, rank=5)
        layer = adapter.layers[FC2]
        assert layer.rank == 5
        missed = (delta.matrix() - layer.up.double() @ layer.down.double()).norm()
        torch.testing.assert_close(missed, values[5:].norm(), rtol=1e-5, atol=1e-5)
        assert layer.error == pytest.approx(float(values[5:].norm() / values.norm()), rel=1e-5)
        assert adapter.error == pytest.approx(layer.error)
        assert not adapter.exact


def test_the_error_of_the_whole_weighs_layers_by_their_size(pipe: Any) -> None:
    deltas = {f"{FC2}.weight": Dense(random(32, 128)), BIAS: Dense(random(16)), f"{TO_K}.weight": Dense(random(16, 32))}
    adapter = adapter_of(Patch.made_on(pipe, deltas), pipe, rank=4)
    assert set(adapter.left_out) == {BIAS}
    missed = sum((layer.error * layer.norm) ** 2 for layer in adapter.layers.values()) + random(16).norm() ** 2
    total = sum(delta.matrix().norm() ** 2 for delta in deltas.values())
    assert adapter.error == pytest.approx(float((missed / total).sqrt()), rel=1e-5)
    assert not adapter.exact


def test_rounding_of_half_precision_is_error_too(pipe: Any) -> None:
    patch = Patch.made_on(pipe, {f"{FC2}.weight": LowRank(random(32, 2), random(2, 128, seed=1))})
    adapter = adapter_of(patch, pipe, dtype=torch.float16)
    assert adapter.layers[FC2].up.dtype == torch.float16
    assert 1e-5 < adapter.error < 1e-3
    assert not adapter.exact


def test_maps_become_changes_of_the_layer(pipe: Any) -> None:
    change = Mapped(LowRank(random(32, 2), random(2, 32, seed=1)))
    adapter = adapter_of(Patch.made_on(pipe, {f"{TO_K}.weight": change}), pipe)
    layer, weight = adapter.layers[TO_K], pipe.unet.down_blocks[0].attentions[0].transformer_blocks[0].attn2.to_k.weight
    assert layer.rank == 2
    torch.testing.assert_close(layer.up.double() @ layer.down.double(), change.of(weight), rtol=1e-5, atol=1e-5)


def test_no_change_is_a_change_of_rank_zero(pipe: Any) -> None:
    patch = Patch.made_on(
        pipe,
        {
            f"{FC2}.weight": LowRank(torch.zeros(32, 1), torch.ones(1, 128)),
            f"{TO_K}.weight": Dense(torch.zeros(16, 32)),
        },
    )
    adapter = adapter_of(patch, pipe)
    assert adapter.exact
    assert adapter.error == 0
    assert {layer.rank for layer in adapter.layers.values()} == {0}


def test_what_no_lora_can_hold(pipe: Any) -> None:
    table = "text_encoder.text_model.embeddings.token_embedding.weight"
    rows = pipe.text_encoder.get_input_embeddings().weight.shape
    for name, shape in ((BIAS, (16,)), (table, rows), ("vae.decoder.conv_in.weight", (16, 4, 3, 3))):
        with pytest.raises(PatchError, match="cannot hold this patch"):
            adapter_of(Patch.made_on(pipe, {name: Dense(random(*shape))}), pipe)


def test_what_is_too_large_for_the_type_or_changes_nothing_is_refused(pipe: Any) -> None:
    patch = Patch.made_on(pipe, {f"{FC2}.weight": LowRank(torch.full((32, 1), 1e9), torch.full((1, 128), 1e9))})
    assert adapter_of(patch, pipe, dtype=torch.bfloat16).layers
    with pytest.raises(PatchError, match=f"{FC2}.weight: the factors of its change are too large for float16"):
        adapter_of(patch, pipe, dtype=torch.float16)
    with pytest.raises(PatchError, match="changes nothing"):
        adapter_of(Patch.made_on(pipe, {}), pipe)


def test_another_model_is_refused(pipe: Any) -> None:
    patch = Patch.made_on(tiny_sd(layers=2, seed=5), {f"{FC2}.weight": Dense(random(32, 128))})
    with pytest.raises(PatchError, match="another model"):
        adapter_of(patch, pipe)
