"""The denoiser is a stock one that reads its text, and the recipe notices when it does not."""

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from overpaint.emoji.recipe import denoiser
from overpaint.emoji.recipe.batches import Batch
from overpaint.emoji.recipe.denoiser import errors, text_gain


def tiny() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel.from_config(
        {**denoiser.build().config, "cross_attention_dim": 8, "block_out_channels": (32, 32)}
    )


def batch(count: int) -> Batch:
    torch.manual_seed(1)
    noise = torch.randn(count, 16, 8, 8)
    return Batch(noise, noise, torch.full((count,), 900), torch.arange(count)[:, None])


def test_errors_are_of_each_picture_and_reach_all_that_reads_text() -> None:
    model = tiny()
    error = errors(model, batch(4), torch.randn(4, 24, 8))
    assert error.shape == (4,)
    error.sum().backward()
    reading = [
        p.grad.abs().sum() for name, p in model.named_parameters() if "attn2.to_k" in name or "attn2.to_v" in name
    ]
    assert reading
    assert all(gradient > 0 for gradient in reading)


def test_the_gain_of_text_is_nothing_where_states_say_nothing_and_all_where_they_say_all() -> None:
    here = batch(6)
    blind = text_gain(tiny(), lambda ids: (torch.zeros(len(ids), 24, 8),), here)
    assert abs(blind) < 1e-6

    class Oracle:
        """Knows the noise by the number that the text states carry."""

        def __call__(self, noisy: Tensor, times: Tensor, states: Tensor) -> Any:
            return type("Out", (), {"sample": here.noise[states[:, 0, 0].long()]})

    assert text_gain(Oracle(), lambda ids: (ids.float()[:, :, None].expand(-1, 24, 8),), here) == 1
