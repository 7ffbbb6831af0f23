"""A run on disk: plan, provenance, memories, patch and evidence in one folder, which a killed run continues."""

from __future__ import annotations

from overpaint.runs.folder import RunFolder
from overpaint.runs.provenance import Provenance, versions

__all__ = ["Provenance", "RunFolder", "versions"]
