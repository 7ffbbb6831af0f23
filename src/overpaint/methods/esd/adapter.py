"""A student of low rank: LoRA factors (Hu et al., arXiv 2106.09685) as an adapter of diffusers, by peft.

Beside matrices of the denoiser's size nothing is kept or gets gradients, which whole weights of a large model need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.errors import OverpaintError
from overpaint.methods.esd.selection import Slot
from overpaint.patch import Delta, LowRank
from overpaint.seeding import derive

__all__ = ["AdapterStudent"]

ADAPTER = "overpaint"


class AdapterStudent:
    """Factors of rank r beside each selected weight; their biases are not trained.

    Leave with `close`, which takes the adapter off the denoiser.

    Raises:
        OverpaintError: peft is not installed.
    """

    def __init__(self, unet: Any, slots: Sequence[Slot], rank: int, seed: int) -> None:
        try:
            from peft import LoraConfig
        except ImportError:
            raise OverpaintError("settings.rank needs peft, which is not installed; pip install peft") from None
        self._unet = unet
        weights = [slot for slot in slots if slot.leaf == "weight"]
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=[slot.path for slot in weights])
        with torch.random.fork_rng(devices=[]):  # peft draws factors from the global generator; ours follow
            unet.add_adapter(config, adapter_name=ADAPTER)
        self._layers: dict[str, Any] = {slot.name: unet.get_submodule(slot.path) for slot in weights}
        self.trained: dict[str, Tensor] = {}
        for name, layer in self._layers.items():
            down, up = layer.lora_A[ADAPTER], layer.lora_B[ADAPTER]
            source = torch.Generator("cpu").manual_seed(derive(seed, "lora", name))
            bound = down.weight[0].numel() ** -0.5  # as nn.Linear draws its weight
            value = (2 * torch.rand(down.weight.shape, generator=source) - 1) * bound
            down.weight = nn.Parameter(value.to(down.weight.device))
            up.weight = nn.Parameter(torch.zeros(up.weight.shape, device=up.weight.device))
            self.trained |= {f"{name}.down": down.weight, f"{name}.up": up.weight}
        self._switch(False)

    @contextmanager
    def acting(self, scale: float = 1.0) -> Iterator[None]:
        """See `overpaint.methods.esd.student.Student`."""
        for layer in self._layers.values():
            layer.set_scale(ADAPTER, scale)
        self._switch(True)
        try:
            yield
        finally:
            self._switch(False)

    def deltas(self, scale: float = 1.0) -> dict[str, Delta]:
        """See `overpaint.methods.esd.student.Student`."""
        return {
            name: LowRank(
                scale * self.trained[f"{name}.up"].detach().flatten(1), self.trained[f"{name}.down"].detach().flatten(1)
            )
            for name in self._layers
        }

    def close(self) -> None:
        """Give the denoiser its own layers back."""
        self._unet.unload_lora()
        self._unet._hf_peft_config_loaded = False  # diffusers 0.31 leaves it, and refuses the next adapter

    def _switch(self, on: bool) -> None:
        for layer in self._layers.values():
            layer.enable_adapters(on)
