"""Networks of transformers with what prepares their input, by hub id or folder."""

from __future__ import annotations

from typing import Any

import torch

from overpaint.errors import OverpaintError

__all__ = ["from_hub"]


def from_hub(
    processor: Any, network: Any, model: str, device: torch.device | str, what: str
) -> tuple[Any, Any, dict[str, Any]]:
    """The processor, the frozen network on its device, and the settings that identify its weights.

    Args:
        processor, network: classes of transformers.
        what: the model's role, for the error.

    Raises:
        OverpaintError: it cannot be loaded.
    """
    try:
        prepare = processor.from_pretrained(model)
        loaded = network.from_pretrained(model, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise OverpaintError(
            f"{what} {model}: cannot be loaded ({str(error).splitlines()[0]}); name a folder or a hub id that is"
            " reachable"
        ) from error
    settings = {"weights": model, "revision": getattr(loaded.config, "_commit_hash", None)}
    return prepare, loaded.to(device).eval().requires_grad_(False), settings
