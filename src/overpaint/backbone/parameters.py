"""The editable parameters of a pipeline, under the names they are published with.

A canonical name is the pipeline's component, a dot, and the parameter's name in published checkpoints:
``text_encoder.text_model.encoder.layers.3.mlp.fc2.weight``, ``unet.conv_in.weight``. transformers 5 dropped the
``text_model.`` of `CLIPTextModel`; the canonical name keeps it, so that a patch fits whatever version is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from overpaint.errors import BackboneError

__all__ = ["COMPONENTS", "canonical_prefix", "named_parameters", "resolve"]

COMPONENTS = ("text_encoder", "text_encoder_2", "text_encoder_3", "unet", "transformer", "vae")
"""What a pipeline draws with; safety checkers and the like are nobody's to edit."""


def named_parameters(pipe: Any) -> dict[str, nn.Parameter]:
    """Every parameter of a pipeline or backbone by canonical name; a shared one appears once, under its first name."""
    seen: set[int] = set()
    found: dict[str, nn.Parameter] = {}
    for name, parameter in _all(pipe):
        if id(parameter) not in seen:
            seen.add(id(parameter))
            found[name] = parameter
    return found


def resolve(pipe: Any, name: str) -> nn.Parameter:
    """The parameter with a canonical name (or any alias of a shared one).

    Raises BackboneError if the pipeline has none of that name.
    """
    pipe = getattr(pipe, "pipe", pipe)
    component = name.partition(".")[0]
    module = getattr(pipe, component, None) if component in COMPONENTS else None
    if isinstance(module, nn.Module):
        prefix = canonical_prefix(module)
        try:
            return module.get_parameter(name.removeprefix(f"{component}.").removeprefix(prefix))
        except AttributeError:
            pass
    raise BackboneError(f"parameter {name}: this model has none of that name; it was made for another kind of model")


def canonical_prefix(module: nn.Module) -> str:
    """What the published names of this component carry before the names of the installed version."""
    dropped = all(hasattr(module, part) for part in ("embeddings", "encoder", "final_layer_norm"))
    return "text_model." if dropped else ""


def _all(pipe: Any) -> Iterator[tuple[str, nn.Parameter]]:
    pipe = getattr(pipe, "pipe", pipe)
    for component in COMPONENTS:
        module = getattr(pipe, component, None)
        if isinstance(module, nn.Module):
            prefix = f"{component}.{canonical_prefix(module)}"
            for name, parameter in module.named_parameters(remove_duplicate=False):
                yield prefix + name, parameter
