"""Names for content: what says the same has the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["digest", "loose_digest"]


def digest(content: Any) -> str:
    """sha256 of JSON-like content, 64 hexadecimal digits. ValueError for NaN and infinities."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def loose_digest(content: Any) -> str:
    """sha256 of content, 64 hexadecimal digits; what JSON does not know counts by its text."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
