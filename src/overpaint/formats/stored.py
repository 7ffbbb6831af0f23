"""The types that a model's files hold its weights in.

Models are loaded in float32, in which editing is done; what is written for others has the types that they published.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from overpaint.backbone.parameters import canonical_prefix
from overpaint.formats.families import family_of, tensors_of

__all__ = ["as_stored", "stored_types"]

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


@torch.no_grad()
def as_stored(pipe: Any) -> None:
    """Give every tensor of a pipeline that was just loaded the type that its file has; the values fit, being from it.

    One of unknown type (`stored_types`) is left as it is.
    """
    types = stored_types(pipe)
    for component, module in pipe.components.items():
        if isinstance(module, nn.Module):
            prefix = f"{component}.{canonical_prefix(module)}"
            for name, tensor in (*module.named_parameters(), *module.named_buffers()):
                if (prefix + name) in types:
                    tensor.data = tensor.data.to(types[prefix + name])


def stored_types(pipe: Any) -> dict[str, torch.dtype]:
    """By canonical name the type that a tensor's file has, under each of its names if it is tied.

    None for files that are not on this machine, and for other types (eight bits).
    """
    found: dict[str, torch.dtype] = {}
    for component, module in pipe.components.items():
        if isinstance(module, nn.Module):
            said = dict(_types(pipe, component, module))
            floating = {name: tensor for name, tensor in tensors_of(module).items() if tensor.is_floating_point()}
            tied = {tensor.data_ptr(): said[name] for name, tensor in floating.items() if name in said}
            for name, tensor in floating.items():
                if tensor.data_ptr() in tied:
                    found[f"{component}.{name}"] = tied[tensor.data_ptr()]
    return found


def _types(pipe: Any, component: str, module: nn.Module) -> Iterator[tuple[str, torch.dtype]]:
    """By published name."""
    source = _source(str(pipe.config.get("_name_or_path") or ""))
    if source is None:
        return
    if source.is_dir():
        prefix = canonical_prefix(module)
        for path in (source / component).glob("*.safetensors"):
            if "." not in path.stem:  # model.fp16.safetensors is another variant
                for name, dtype in _header(path):
                    yield (name if name.startswith(prefix) else prefix + name), dtype
        return
    header = dict(_header(source))
    prefix = canonical_prefix(module)
    for name, place in family_of(pipe).places(component, [prefix + name for name in module.state_dict()]).items():
        if place.key in header:
            yield name, header[place.key]


def _source(name: str) -> Path | None:
    path = Path(name).expanduser()
    if path.exists() and name:
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _header(path: Path) -> Iterator[tuple[str, torch.dtype]]:
    with safe_open(str(path), framework="pt") as file:
        for name in file.keys():
            dtype = TYPES.get(file.get_slice(name).get_dtype())
            if dtype is not None:
                yield name, dtype
