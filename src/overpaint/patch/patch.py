"""The patch: what an edit changes, where it came from, and which weights it fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from overpaint.backbone.parameters import resolve
from overpaint.errors import BackboneError, PatchError
from overpaint.patch import storage
from overpaint.patch.applied import Applied, base_of, put
from overpaint.patch.delta import Delta, add
from overpaint.patch.fingerprint import fingerprint, same
from overpaint.patch.provenance import added

__all__ = ["Patch"]


class Patch:
    """Changes of weights by canonical parameter name (`overpaint.backbone.parameters`). Immutable.

    Attributes:
        deltas: the changes, in the order of their names.
        base: for each of them the fingerprint of the tensor that it was made for.
        provenance: how it was made (plan, method, settings, seed, versions); JSON values only.
    """

    def __init__(
        self, deltas: Mapping[str, Delta], base: Mapping[str, str], provenance: Mapping[str, Any] | None = None
    ) -> None:
        """Raises PatchError if a delta has values that are not finite, ValueError if a base fingerprint is missing."""
        if set(deltas) != set(base):
            raise ValueError(f"deltas and base name different parameters: {sorted(set(deltas) ^ set(base))}")
        self.deltas: Mapping[str, Delta] = MappingProxyType(storage.shared({n: deltas[n] for n in sorted(deltas)}))
        for key, tensor in self.tensors().items():
            if not bool(torch.isfinite(tensor).all()):
                name = key.rpartition(".")[0]
                raise PatchError(f"patch on {name}: has values that are not finite; the edit diverged, soften it")
        self.base: Mapping[str, str] = MappingProxyType({name: base[name] for name in sorted(base)})
        self.provenance: dict[str, Any] = json.loads(json.dumps(dict(provenance or {}), default=str))

    @classmethod
    def made_on(cls, pipe: Any, deltas: Mapping[str, Delta], provenance: Mapping[str, Any] | None = None) -> Patch:
        """A patch for the weights that the pipeline has at this moment. Raises BackboneError for an unknown name."""
        return cls(deltas, {name: fingerprint(resolve(pipe, name)) for name in deltas}, provenance)

    # ---- on a model -----------------------------------------------------------------------------------------------

    def check(self, pipe: Any) -> None:
        """Raises PatchError, naming the first parameter that differs, if the patch was made for other weights.

        Other patches on the model are looked under: a patch fits the bare model or the model as it is now.
        """
        self._parameters(pipe)

    def apply(self, pipe: Any, *, removable: bool = True) -> Applied:
        """Change the pipeline's weights until the handle's ``remove`` is called.

        Args:
            removable: whether the weights are kept as they were. Without, the change is for good and takes no memory:
                to write an edited copy.

        Raises PatchError if the patch was made for other weights, or if it is to stay and would lie on one that is not;
        nothing is changed then.
        """
        found = self._parameters(pipe)
        parameters = {name: parameter for name, (parameter, _) in found.items()}
        bases = {name: base for name, (_, base) in found.items()}
        return put(parameters, self.deltas, bases, removable=removable)

    @contextmanager
    def applied_to(self, pipe: Any) -> Iterator[Any]:
        """``with patch.applied_to(pipe): ...``: leaving restores every bit, by an exception too."""
        applied = self.apply(pipe)
        try:
            yield pipe
        finally:
            applied.remove()

    def edited(self, pipe: Any, types: Mapping[str, torch.dtype]) -> dict[str, Tensor]:
        """What `apply` would make of the parameters if they were of ``types``, on the CPU; the pipeline stays as it is.

        Args:
            types: by parameter name; its own for one that is not named.

        Raises PatchError as `apply`.
        """
        copies: dict[int, nn.Parameter] = {}
        bases: dict[str, Tensor] = {}
        found = self._parameters(pipe)
        for name, (parameter, base) in found.items():
            form = {"device": "cpu", "dtype": types.get(name, parameter.dtype)}
            if id(parameter) not in copies:  # a tied one stays one
                copies[id(parameter)] = nn.Parameter(parameter.detach().to(**form, copy=True), requires_grad=False)
            bases[name] = copies[id(parameter)] if base is parameter else base.detach().to(**form)
        parameters = {name: copies[id(parameter)] for name, (parameter, _) in found.items()}
        put(parameters, self.deltas, bases, removable=False)
        return {name: parameter.detach() for name, parameter in parameters.items()}

    def _parameters(self, pipe: Any) -> dict[str, tuple[nn.Parameter, Tensor]]:
        """The parameters to be changed, each with the value that the patch was made for, after all checks.

        Those of structure come first, they say more.
        """
        found = {}
        for name, parameter in self._structure(pipe).items():
            matching = (value for value in _candidates(parameter) if same(self.base[name], fingerprint(value)))
            if (base := next(matching, None)) is None:
                raise PatchError(
                    f"{self._title} was made for another model, or this one was changed since: first difference in"
                    f" {name}; load {self.provenance.get('model', 'the model it was made for')!s} anew"
                )
            found[name] = (parameter, base)
        return found

    def _structure(self, pipe: Any) -> dict[str, nn.Parameter]:
        found = {}
        for name, delta in self.deltas.items():
            try:
                parameter = resolve(pipe, name)
            except BackboneError as error:
                raise PatchError(f"{self._title} does not fit this model: {error}") from None
            if parameter.is_meta or not parameter.is_floating_point():
                raise PatchError(
                    f"{self._title} cannot be applied: {name} is offloaded or quantised; apply it before doing that"
                )
            if not delta.fits(parameter.shape):
                raise PatchError(
                    f"{self._title} was made for another model: {name} has shape {tuple(parameter.shape)} here and"
                    f" {delta.shape} in the patch"
                )
            found[name] = parameter
        return found

    # ---- algebra --------------------------------------------------------------------------------------------------

    def scale(self, factor: float) -> Patch:
        """The patch at another strength: 0 does nothing, 1 is the patch itself, negative values push the other way."""
        provenance = {**self.provenance, "scale": factor * self.provenance.get("scale", 1.0)}
        return Patch({name: delta.scaled(factor) for name, delta in self.deltas.items()}, self.base, provenance)

    def __add__(self, other: Patch) -> Patch:
        """Both changes at once. Low-rank factors are put side by side, so ranks add up.

        Raises PatchError if the two were made for different weights, or for other shapes of them.
        """
        if not isinstance(other, Patch):
            return NotImplemented
        deltas, base = {**self.deltas, **other.deltas}, {**other.base, **self.base}
        for name in sorted(set(self.deltas) & set(other.deltas)):
            if not same(self.base[name], other.base[name]):
                raise PatchError(f"{self._title} and {other._title} were made for different models: see {name}")
            try:
                deltas[name] = add(self.deltas[name], other.deltas[name])
            except ValueError as error:
                raise PatchError(f"{self._title} and {other._title} do not fit each other: {name}: {error}") from None
        return Patch(deltas, base, added(self.provenance, other.provenance))

    # ---- identity and files ---------------------------------------------------------------------------------------

    @property
    def hash(self) -> str:
        """sha256 over names and tensors alone: two runs that changed the same weights the same way agree in it."""
        digest = hashlib.sha256("".join(f"{name} {key}\n" for name, key in storage.maps(self.deltas).items()).encode())
        for key, tensor in self.tensors().items():
            digest.update(f"{key} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors().values())

    def tensors(self) -> dict[str, Tensor]:
        """All tensors as they are stored, by parameter name and field, in order; maps first, each once."""
        return storage.tensors(self.deltas)

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file, whole or not at all; the same patch gives the same bytes."""
        return storage.save(path, self.deltas, self.base, self.provenance)

    @classmethod
    def load(cls, path: str | Path) -> Patch:
        """Read a patch. Raises PatchError, in one line, if the file is not a patch or of a newer format."""
        try:
            return cls(*storage.load(path))
        except (ValueError, PatchError) as error:
            raise PatchError(f"{path}: {error}") from None

    def __repr__(self) -> str:
        """Size and hash."""
        ranks = sum(tensor.shape[1] for key, tensor in self.tensors().items() if key.endswith(".up"))
        return f"Patch({len(self.deltas)} parameters, total rank {ranks}, {self.size / 1e6:.1f} MB, {self.hash[:12]})"

    @property
    def _title(self) -> str:
        return f"patch {self.hash[:12]}"


def _candidates(parameter: nn.Parameter) -> Iterator[Tensor]:
    """The bare weights first, then, if other patches lie on them, what they are now."""
    base = base_of(parameter)
    yield base
    if base is not parameter:
        yield parameter
