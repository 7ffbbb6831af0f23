"""From a name to a pipeline, from a pipeline to a backbone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

from overpaint.backbone.devices import best_device
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import BackboneError

__all__ = ["BUNDLED", "backbone_of", "load"]

BUNDLED = "emoji"
"""The name of the model that ships with the package."""


def load(model: Any = BUNDLED, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Any:
    """A diffusers pipeline, ready to draw.

    Args:
        model: "emoji" (the bundled model), a Hugging Face hub id, a diffusers folder, a single ``.safetensors`` file,
            or a pipeline, which is handed back as it is.
        device: where to put it; None is the GPU if there is one, and leaves a pipeline where it is.
        dtype: None is float32, in which editing is done, and leaves a pipeline as it is.

    Only safetensors files are read, never pickles. No safety checker is loaded: it would blacken evidence.

    Raises BackboneError, in one line, if there is no such model, or it is of a kind that is not supported.
    """
    if not isinstance(model, str | Path):
        _move(model, device, dtype)
        return model
    options: dict[str, Any] = {
        "safety_checker": None,
        "requires_safety_checker": False,
        "use_safetensors": True,
    }
    try:
        pipe = _open(str(model), options)
    except BackboneError:
        raise
    except Exception as error:  # diffusers, transformers and the hub raise all kinds; the user mends them all alike
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise BackboneError(f"model {str(model)!r}: cannot be loaded ({reason})") from error
    # cast afterwards: transformers takes the type from the file and diffusers does not, and the mix would not run
    _move(pipe, device or best_device(), dtype or torch.float32)
    return pipe


def backbone_of(pipe: Any) -> StableDiffusion:
    """The adapter for a pipeline, chosen by its structure. BackboneError if none fits."""
    return pipe if isinstance(pipe, StableDiffusion) else StableDiffusion(pipe)


def _open(model: str, options: dict[str, Any]) -> Any:
    from diffusers import StableDiffusionPipeline

    path = Path(model).expanduser()
    if model == BUNDLED:
        path = _bundled()
    elif path.is_file() or path.suffix in (".safetensors", ".ckpt", ".bin", ".pt", ".pth"):
        return _open_file(path, options)
    elif not path.exists():
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
            raise BackboneError(f"model {model!r}: no such folder or file, nor a hub id such as owner/name")
        return StableDiffusionPipeline.from_pretrained(model, **options)
    _check_folder(path)
    return StableDiffusionPipeline.from_pretrained(str(path), **options)


def _open_file(path: Path, options: dict[str, Any]) -> Any:
    from diffusers import StableDiffusionPipeline

    if path.suffix != ".safetensors":
        raise BackboneError(f"model {path}: only .safetensors files are read (others can run code); convert it first")
    if not path.is_file():
        raise BackboneError(f"model {path}: no such file")
    wanted = {key: value for key, value in options.items() if key != "use_safetensors"}
    return StableDiffusionPipeline.from_single_file(str(path), **wanted)


def _check_folder(path: Path) -> None:
    index = path / "model_index.json"
    if not index.is_file():
        raise BackboneError(f"model {path}: has no model_index.json; give the folder of a whole diffusers pipeline")
    kind = json.loads(index.read_text("utf-8")).get("_class_name")
    if kind != "StableDiffusionPipeline":
        raise BackboneError(f"model {path}: is a {kind}; Stable Diffusion 1.x and 2.x text-to-image are supported")


def _bundled() -> Path:
    import overpaint

    path = Path(overpaint.__file__).parent / "emoji" / "model"
    if not (path / "model_index.json").is_file():
        raise BackboneError(
            "model 'emoji': its denoiser is not in this version; make it with 'python -m overpaint.emoji.recipe', "
            "or name another model"
        )
    return path


def _move(pipe: Any, device: str | torch.device | None, dtype: torch.dtype | None) -> None:
    if device is not None or dtype is not None:
        pipe.to(device=device, dtype=dtype)
