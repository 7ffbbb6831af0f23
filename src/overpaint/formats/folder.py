"""A whole model as a diffusers folder that old and new versions of diffusers and transformers read alike.

What the installed versions write is brought to the published form where theirs differ: transformers 5 leaves
``text_model.`` out of CLIP's names, writes tokenizers without ``vocab.json`` and ``merges.txt``, gives types as
``dtype`` and loads a file in the type it was written in, and knows some classes by other names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from overpaint.backbone.parameters import canonical_prefix
from overpaint.files import write_json_atomic, write_text_atomic

__all__ = ["complete_tokenizer", "publish", "write_folder"]

PUBLISHED_CLASSES = {
    "CLIPImageProcessorPil": "CLIPImageProcessor",
    "SiglipImageProcessorPil": "SiglipImageProcessor",
    "T5Tokenizer": "T5TokenizerFast",
}
"""Class names that only transformers 5 knows or means so, and what is published."""


def write_folder(pipe: Any, folder: str | Path) -> Path:
    """Write a pipeline into an empty or new folder."""
    folder = Path(folder)
    pipe.save_pretrained(folder, safe_serialization=True)
    publish(pipe, folder)
    return folder


def publish(pipe: Any, folder: Path) -> None:
    """Bring a folder that the installed versions wrote to the published form."""
    for component in (name for name in pipe.components if name.startswith("text_encoder")):
        module = getattr(pipe, component)
        if isinstance(module, nn.Module):
            _publish_names(folder / component, canonical_prefix(module))
            _publish_config(folder / component / "config.json")
    for config in folder.glob("tokenizer*/tokenizer_config.json"):
        complete_tokenizer(config.parent)
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    for entry in index.values():
        if isinstance(entry, list) and len(entry) == 2 and entry[1] in PUBLISHED_CLASSES:
            entry[1] = PUBLISHED_CLASSES[entry[1]]
    write_json_atomic(folder / "model_index.json", index)


def complete_tokenizer(folder: Path) -> None:
    """Write ``vocab.json`` and ``merges.txt`` beside a ``tokenizer.json`` of byte-level BPE, if they are missing."""
    source = folder / "tokenizer.json"
    if not source.is_file() or (folder / "vocab.json").is_file():
        return
    model = json.loads(source.read_text("utf-8"))["model"]
    if model.get("type") != "BPE":
        return
    merges = (merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"])
    write_json_atomic(folder / "vocab.json", model["vocab"])
    write_text_atomic(folder / "merges.txt", "\n".join(("#version: 0.2", *merges)) + "\n")


def _publish_names(folder: Path, prefix: str) -> None:
    for path in folder.glob("*.safetensors"):
        with safe_open(str(path), framework="pt") as file:
            names, metadata = list(file.keys()), file.metadata()
        if not prefix or all(name.startswith(prefix) for name in names):
            continue
        save_file({prefix + name: tensor for name, tensor in load_file(path).items()}, path, metadata)


def _publish_config(path: Path) -> None:
    """Say float32 whatever the file holds: transformers 5 loads what the configuration says, diffusers loads float32
    where nothing else is asked for, and a mix of both fails in the first layer that reads text.
    """
    config = json.loads(path.read_text("utf-8"))
    config.pop("dtype", None)
    config["torch_dtype"] = "float32"
    write_json_atomic(path, config)
