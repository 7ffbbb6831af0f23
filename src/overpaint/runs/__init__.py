"""A run on disk: plan, provenance, memories, patch and evidence in one folder, which a killed run continues."""

from __future__ import annotations

from overpaint.runs.folder import RunFolder

__all__ = ["RunFolder"]
