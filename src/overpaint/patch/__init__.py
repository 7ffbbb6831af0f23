"""The result of an edit: named changes of weights that can be applied, removed, scaled, added and kept in a file."""

from overpaint.patch.applied import Applied
from overpaint.patch.delta import Delta, Dense, LowRank, Mapped
from overpaint.patch.patch import Patch

__all__ = ["Applied", "Delta", "Dense", "LowRank", "Mapped", "Patch"]
