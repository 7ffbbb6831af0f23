"""What edits and plans are made of: frozen data without torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Data"]


class Data(BaseModel):
    """Frozen; equal if it says the same, wherever it was read from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __eq__(self, other: object) -> bool:
        """Whether it says the same."""
        return type(other) is type(self) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        """Of what it says."""
        return hash(self.model_dump_json())
