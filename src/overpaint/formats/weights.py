"""Files of whole changed weights, as ESD, UCE and Concept Ablation publish their edits.

A file holds the changed tensors alone, under diffusers' names: of the denoiser, without its own name before them (ESD
of 2025, UCE), or with it (ESD of 2023, Concept Ablation, once converted from pickles), or under the original names of a
checkpoint (Concept Ablation's first version). ESD of 2026 says in the header what it did, as format "erasing-esd-v2".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

from overpaint.backbone.parameters import named_parameters, resolve
from overpaint.errors import BackboneError, PatchError
from overpaint.files import replacing
from overpaint.formats.families import family_of
from overpaint.formats.places import joined, taken
from overpaint.linear.precision import exact
from overpaint.patch import Dense, Patch

__all__ = ["ESD_FORMAT", "patch_of_weights", "weight_tensors", "write_weights"]

ESD_FORMAT = "erasing-esd-v2"
"""``format`` in the header of ESD's files since March 2026."""
DENOISERS = ("unet", "transformer")
PREFIXES = ("state_dict.", "model.")
"""What converted pickles may have before a name."""
STRANGE = 1.0
"""Median relative change from which the weights must be another model's: two independent ones differ by 1.41."""


def write_weights(patch: Patch, pipe: Any, path: str | Path, metadata: Mapping[str, str] | None = None) -> Path:
    """Write the denoiser's changed weights as ESD's loader reads them, in the pipeline's type.

    Raises PatchError if the patch was made for another model, or changes more than the denoiser.
    """
    header = {"format": ESD_FORMAT, "component": _denoiser(pipe), **(metadata or {})}
    tensors = weight_tensors(patch, pipe)
    with replacing(path) as temporary:
        save_file(tensors, temporary, header)
    return Path(path)


def weight_tensors(patch: Patch, pipe: Any) -> dict[str, Tensor]:
    """The file's tensors by name. Raises as `write_weights`."""
    if not patch.deltas:
        raise PatchError("the patch changes nothing; there is nothing to export")
    denoiser = _denoiser(pipe)
    for name in patch.deltas:
        if not name.startswith(f"{denoiser}."):
            raise PatchError(
                f"{name}: such files hold weights of the {denoiser} alone; export it as a LoRA, or apply it"
            )
    with patch.applied_to(pipe):
        return {name.removeprefix(f"{denoiser}."): resolve(pipe, name).detach().cpu().clone() for name in patch.deltas}


def _denoiser(pipe: Any) -> str:
    """The pipeline's name for it; empty where it has none."""
    return next((name for name in DENOISERS if getattr(pipe, name, None) is not None), "")


def patch_of_weights(tensors: Mapping[str, Tensor], pipe: Any, provenance: Mapping[str, Any]) -> Patch:
    """What makes the model's weights those of the file; weights that are the same are no part of it.

    Raises PatchError, without the path, if a tensor belongs to no weight of the model, to one that is there twice, or
    has another shape, or if the file holds another model's weights or nothing new.
    """
    deltas: dict[str, Dense] = {}
    strange: list[float] = []
    seen: set[str] = set()
    for name, value in _named(tensors, pipe):
        base = resolve(pipe, name)
        if name in seen:
            raise PatchError(f"{name} is in it under two names; which of them counts, nobody can say")
        seen.add(name)
        if not value.is_floating_point():
            raise PatchError(f"{name} is in it as {str(value.dtype)[6:]}, and weights are real numbers")
        if value.shape != base.shape:
            raise PatchError(f"{name} has shape {tuple(value.shape)} in it and {tuple(base.shape)} in the model")
        change = exact(value) - exact(base.detach().cpu())
        if bool(change.any()):
            deltas[name] = Dense(change)
            strange.append(float(change.norm() / exact(base.detach()).norm().clamp(min=1e-12)))
    if not deltas:
        raise PatchError("holds just what the model has; is this the model that it was made for?")
    if median(strange) > STRANGE:
        raise PatchError(
            f"holds weights of another model: they differ by {median(strange):.0%}; name its own with --model"
        )
    return Patch.made_on(pipe, deltas, provenance)


def _named(tensors: Mapping[str, Tensor], pipe: Any) -> Iterator[tuple[str, Tensor]]:
    """The file's tensors by canonical name, as diffusers lays them out."""
    known = named_parameters(pipe)
    denoiser = _denoiser(pipe)
    original = _original(pipe)
    for key, tensor in tensors.items():
        for name in (key, *(key.removeprefix(prefix) for prefix in PREFIXES)):
            candidates = [candidate for candidate in (name, f"{denoiser}.{name}") if candidate in known]
            if candidates:
                yield candidates[0], tensor
                break
            if name in original:
                names, places = original[name]
                sizes = [len(resolve(pipe, one)) for one in names]
                try:
                    yield from taken(tensor, names, places, sizes).items()
                except ValueError as error:
                    raise PatchError(f"{key} {error}") from None
                break
        else:
            raise PatchError(f"{key} belongs to no weight of this model; was the file made for another kind of model?")


def _original(pipe: Any) -> dict[str, tuple[list[str], dict[str, Any]]]:
    """By original name, the canonical names that it joins and their places."""
    try:
        family = family_of(pipe)
    except BackboneError:
        return {}
    found: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for component in family.prefixes:
        module = getattr(pipe, component, None)
        if isinstance(module, nn.Module):
            names = [name.partition(".")[2] for name in named_parameters(pipe) if name.startswith(f"{component}.")]
            places = {f"{component}.{name}": place for name, place in family.places(component, names).items()}
            found |= {key: (of, places) for key, of in joined(places).items()}
    return found
