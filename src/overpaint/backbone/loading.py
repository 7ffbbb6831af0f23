"""From a name to a pipeline, from a pipeline to a backbone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.devices import best_device
from overpaint.backbone.families import FAMILIES
from overpaint.backbone.kinds import Kind, kind_of, kind_of_class, kind_of_keys
from overpaint.backbone.parameters import named_parameters
from overpaint.backbone.stable_diffusion import family_of_width
from overpaint.errors import BackboneError, unreachable
from overpaint.json_reading import from_json

__all__ = ["BUNDLED", "backbone_of", "family_of", "load"]

BUNDLED = "emoji"
"""The name of the model that ships with the package."""


def load(model: Any = BUNDLED, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Any:
    """A diffusers pipeline, ready to draw.

    Args:
        model: "emoji" (the bundled model), a Hugging Face hub id, a diffusers folder, a single ``.safetensors`` file,
            or a pipeline, which is handed back as it is. Configuration and tokenizers of a single file are taken from a
            diffusers folder of the same name beside it (``model.safetensors``, ``model/``) if there is one, else from
            the hub.
        device: where to put it; None is the GPU if there is one, and leaves a pipeline where it is.
        dtype: None is float32, in which editing is done, and leaves a pipeline as it is.

    Only safetensors files are read, never pickles. No safety checker is loaded: it would blacken evidence.

    Raises BackboneError, in one line, if there is no such model, or it is of a kind that is not supported.
    """
    if not isinstance(model, str | Path):
        _move(model, device, dtype)
        return model
    try:
        pipe = _open(str(model), dtype or torch.float32)
    except BackboneError:
        raise
    except Exception as error:
        raise _refused(str(model), error) from error
    # cast again: some keep a few parts in float32 whatever is asked for (T5's `wo`), and the mix would not run
    _move(pipe, device or best_device(), dtype or torch.float32)
    return pipe


def backbone_of(pipe: Any) -> Backbone:
    """The adapter for a pipeline, chosen by its structure.

    BackboneError if none fits, or if the pipeline's weights are kept elsewhere: there is nothing to edit then.
    """
    if isinstance(pipe, Backbone):
        return pipe
    adapter: Backbone = kind_of(pipe).backbone(pipe)
    away = (name.partition(".")[0] for name, parameter in named_parameters(pipe).items() if parameter.is_meta)
    if (name := next(away, None)) is not None:
        raise BackboneError(
            f"{name}: its weights are kept elsewhere (sequential CPU offload), so they cannot be edited; load the"
            " pipeline anew and take enable_model_cpu_offload"
        )
    return adapter


def family_of(model: str) -> str:
    """The family of a model, as `load` takes it, or of a family's own name; weights are not read.

    Raises BackboneError if there is no such model, or no adapter for it.
    """
    if model in FAMILIES:
        return model
    path = Path(model).expanduser()
    if _is_file(path):
        return _family_of_file(path)
    if not path.is_dir():
        _check_hub_id(model)
    try:
        return _family_of_folder(model, _kind_of_folder(path) if path.is_dir() else _kind_of_hub(model))
    except BackboneError:
        raise
    except Exception as error:
        raise _refused(model, error) from error


def _refused(model: str, error: Exception) -> BackboneError:
    """The line for what diffusers, transformers and the hub raise: all kinds, and little of it says what to mend."""
    if unreachable(error):
        return BackboneError(f"model {model!r}: the hub cannot be reached; check the network, or give a folder")
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return BackboneError(f"model {model!r}: cannot be loaded ({reason})")


def _family_of_folder(model: str, kind: Kind) -> str:
    family: str | None = getattr(kind.backbone, "family", None)
    if family is not None:
        return family
    from transformers import AutoConfig

    return family_of_width(int(AutoConfig.from_pretrained(model, subfolder="text_encoder").hidden_size))


def _family_of_file(path: Path) -> str:
    _check_file(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            keys = list(file.keys())
            kind = kind_of_keys(keys)
            # SD 1.x and 2.x name their token embeddings differently; both are (vocabulary, width)
            tokens = [key for key in keys if key.startswith("cond_stage_model.") and "token_embedding" in key]
            width = file.get_slice(tokens[0]).get_shape()[1] if tokens else 0
    except BackboneError as error:
        raise BackboneError(f"model {path}: {error}") from None
    except SafetensorError as error:
        raise BackboneError(f"model {path}: is no safetensors file ({error})") from None
    return getattr(kind.backbone, "family", None) or family_of_width(width)


def _open(model: str, dtype: torch.dtype) -> Any:
    """Read in the type that is wanted: casting a whole model afterwards would need memory for both."""
    path = Path(model).expanduser()
    if model == BUNDLED:
        path = _bundled()
    elif _is_file(path):
        return _open_file(path, dtype)
    elif not path.exists():
        _check_hub_id(model)
        return _open_hub(model, dtype)
    kind = _kind_of_folder(path)
    return _class(kind).from_pretrained(str(path), use_safetensors=True, **_typed(dtype), **_without_checker(kind))


def _check_hub_id(model: str) -> None:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        raise BackboneError(f"model {model!r}: no such folder or file, nor a hub id such as owner/name")


def _kind_of_hub(model: str) -> Kind:
    from diffusers import DiffusionPipeline

    try:
        return kind_of_class(str(DiffusionPipeline.load_config(model).get("_class_name")))
    except BackboneError as error:
        raise BackboneError(f"model {model}: {error}") from None


def _open_hub(model: str, dtype: torch.dtype) -> Any:
    kind = _kind_of_hub(model)
    return _class(kind).from_pretrained(model, use_safetensors=True, **_typed(dtype), **_without_checker(kind))


def _is_file(path: Path) -> bool:
    """Whether a file is meant, be it there or not."""
    return path.is_file() or path.suffix in (".safetensors", ".ckpt", ".bin", ".pt", ".pth")


def _check_file(path: Path) -> None:
    if path.suffix != ".safetensors":
        raise BackboneError(f"model {path}: only .safetensors files are read (others can run code); convert it first")
    if not path.is_file():
        raise BackboneError(f"model {path}: no such file")


def _open_file(path: Path, dtype: torch.dtype) -> Any:
    _check_file(path)
    with safe_open(str(path), framework="pt") as file:
        keys = list(file.keys())
    config = path.with_suffix("")
    try:
        kind = _kind_of_folder(config) if config.is_dir() else kind_of_keys(keys)
    except BackboneError as error:
        raise BackboneError(f"model {path}: {error}") from None
    if not hasattr(_class(kind), "from_single_file"):
        raise BackboneError(
            f"model {path}: holds the transformer of {kind.title} alone; name a diffusers folder instead"
        )
    local: dict[str, Any] = {"config": str(config), "local_files_only": True} if config.is_dir() else {}
    return _class(kind).from_single_file(str(path), **_typed(dtype), **local, **_without_checker(kind))


def _class(kind: Kind) -> Any:
    import diffusers

    found = getattr(diffusers, kind.pipeline, None)
    if found is None:
        raise BackboneError(f"{kind.title} needs a newer diffusers than {diffusers.__version__}; update it")
    return found


def _typed(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """The type to read in, by the name that the installed diffusers has for it."""
    import diffusers

    version = tuple(int(part) for part in diffusers.__version__.split(".")[:2])
    return {"dtype" if version >= (0, 42) else "torch_dtype": dtype}


def _without_checker(kind: Kind) -> dict[str, Any]:
    """No safety checker where there is one: it would blacken evidence."""
    return {"safety_checker": None, "requires_safety_checker": False} if kind.has_checker else {}


def _kind_of_folder(path: Path) -> Kind:
    index = path / "model_index.json"
    if not index.is_file():
        raise BackboneError(f"model {path}: has no model_index.json; give the folder of a whole diffusers pipeline")
    try:
        said = from_json(index.read_text("utf-8"))
        return kind_of_class(str(said.get("_class_name") if isinstance(said, dict) else None))
    except (BackboneError, OSError, ValueError) as error:
        raise BackboneError(f"model {path}: {error}") from None


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
    """Put a pipeline somewhere. BackboneError if it is offloaded: where its parts are is then its own business."""
    offloaded = any(hasattr(part, "_hf_hook") for part in pipe.components.values())
    if device is not None and offloaded:
        raise BackboneError("the pipeline brings its parts to the device itself (CPU offload); leave device out")
    if device is not None or dtype is not None:
        pipe.to(device=device, dtype=dtype)
