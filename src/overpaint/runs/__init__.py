"""A run on disk: plan, provenance, memories, patch and evidence in one folder, which a killed run continues.

And a bank: edits in force and their memories beyond any one run.
"""

from __future__ import annotations

from overpaint.runs.folder import RunFolder
from overpaint.runs.standing import Bank

__all__ = ["Bank", "RunFolder"]
