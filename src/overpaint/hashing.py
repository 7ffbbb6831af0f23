"""Names for content: what says the same has the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["digest"]


def digest(content: Any) -> str:
    """sha256 of JSON-like content, 64 hexadecimal digits. ValueError for NaN and infinities."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
