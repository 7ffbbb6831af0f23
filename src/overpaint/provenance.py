"""What a result was made of. Nothing in here is a time or a place, so it may enter a patch and its hash."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["Provenance", "versions"]

_PACKAGES = ("overpaint", "torch", "diffusers", "transformers", "safetensors", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, without importing them."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a source tree that is not installed
            found[package] = "unknown"
    return found


@dataclass(frozen=True)
class Provenance:
    """What a run is made of, beside its plan.

    Attributes:
        model: as the plan names it.
        model_fingerprint: hash of the model's tensors, the backbone's word for it.
        method: name in the registry.
        settings: the method's settings with all defaults resolved; JSON.
        seed: the plan's.
        versions: of Python and packages.
    """

    model: str
    model_fingerprint: str
    method: str
    settings: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str] = field(default_factory=versions)

    def to_data(self) -> dict[str, Any]:
        """As JSON data, in a fixed order."""
        return {**asdict(self), "settings": dict(self.settings), "versions": dict(self.versions)}
