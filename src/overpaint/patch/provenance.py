"""What patches say about how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["summands"]


def summands(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """That of each patch of a sum, of sums within it too; of any other patch its own."""
    if "sum" not in provenance:
        return [provenance]
    return [one for part in provenance["sum"] for one in summands(part)]
