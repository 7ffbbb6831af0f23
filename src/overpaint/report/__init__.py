"""The report card: what was asked, what changed and what did not, with pictures, as a page and as a model card."""

from __future__ import annotations

from overpaint.report.write import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
