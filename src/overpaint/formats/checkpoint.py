"""A whole model as one ``.safetensors`` file in the original layout, as ComfyUI, A1111 and Forge read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from overpaint.files import replacing
from overpaint.formats.families import Family, family_of, tensors_of
from overpaint.formats.places import laid_out

__all__ = ["Tensors", "checkpoint_tensors", "write_checkpoint"]

Tensors = Callable[[str, nn.Module], dict[str, Tensor]]
"""From a component's name and the component to its tensors by published name."""

PREDICTION = {"epsilon": "epsilon", "v_prediction": "v"}
"""diffusers' word for what the denoiser predicts, and the Stability model specification's."""


def write_checkpoint(
    pipe: Any, path: str | Path, metadata: Mapping[str, str] | None = None, tensors: Tensors | None = None
) -> Path:
    """Write a pipeline's weights, whole or not at all, every tensor in its own type and equal to the bit.

    Args:
        pipe: a pipeline of a family with an original layout.
        path: the file, with the suffix ``.safetensors``.
        metadata: more to tell in the file's header, under names that begin with ``overpaint.``.
        tensors: gives those to write; None are the pipeline's own.

    Raises:
        BackboneError: no original layout is known for the pipeline or for one of its tensors.
    """
    family = family_of(pipe)
    found = checkpoint_tensors(pipe, family, tensors)
    with replacing(path) as temporary:
        save_file(found, temporary, {**_specification(pipe, family), **(metadata or {})})
    return Path(path)


def checkpoint_tensors(pipe: Any, family: Family, tensors: Tensors | None = None) -> dict[str, Tensor]:
    """The file's tensors by their original names, on the CPU; no two share memory, as the format wants it."""
    found: dict[str, Tensor] = {}
    for component in family.prefixes:
        module = getattr(pipe, component, None)
        if isinstance(module, nn.Module):
            given = tensors_of(module) if tensors is None else tensors(component, module)
            found |= laid_out(given, family.places(component, list(given)))
    if _prediction(pipe) == "v" and family.name == "sdxl":  # an empty tensor is how XL files say so
        found["v_pred"] = torch.zeros(0)
    seen: set[int] = set()
    for key, value in found.items():
        own = value.cpu().contiguous()
        found[key] = own.clone() if own.data_ptr() in seen and own.numel() else own
        seen.add(own.data_ptr())
    return found


def _specification(pipe: Any, family: Family) -> dict[str, str]:
    """The header of the Stability model specification, which user interfaces show."""
    prediction = _prediction(pipe)
    velocity = family.name == "sd2" and prediction == "v"
    return {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "stable-diffusion-v2-768-v" if velocity else family.architecture,
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        **({"modelspec.prediction_type": prediction} if prediction else {}),
    }


def _prediction(pipe: Any) -> str | None:
    return PREDICTION.get(str(pipe.scheduler.config.get("prediction_type")))
