"""Edits as other programs read them, in files that say where they are from: the command line's are the Studio's too.

The model is left as it is, since the Studio draws with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from overpaint.cli.patch_options import told

if TYPE_CHECKING:
    import torch

    from overpaint.formats.lora import Adapter
    from overpaint.formats.lora_file import Naming
    from overpaint.patch import Patch

__all__ = ["export_checkpoint", "export_lora"]


def export_checkpoint(patch: Patch, pipe: Any, to: Path, scale: float = 1.0, dtype: torch.dtype | None = None) -> None:
    """Write the model with the patch as one file in the original layout.

    Arguments:
        scale: strength of the patch.
        dtype: of the numbers; None is the base model's files' own.

    Raises:
        OverpaintError: the patch is for another model, or no original layout is known.
    """
    from overpaint.formats.checkpoint import write_checkpoint
    from overpaint.formats.edited import edited_tensors
    from overpaint.guards import scaled

    write_checkpoint(pipe, to, told(patch), edited_tensors(pipe, scaled(patch, scale), dtype))


def export_lora(patch: Patch, adapter: Adapter, pipe: Any, to: Path, naming: Naming = "diffusers") -> None:
    """Write the layers (`overpaint.formats.lora.adapter_of`) that were made of the patch as a LoRA file.

    Raises:
        OverpaintError: it cannot be written with these names.
    """
    from overpaint.formats.lora_file import write_lora

    write_lora(adapter, pipe, to, naming, {**told(patch), "overpaint.error": f"{adapter.error:.2e}"})
