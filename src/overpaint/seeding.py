"""Seeds that depend on names, not on the order in which things are done.

A batch of concepts must give the same result as one concept at a time, and a resumed run the same as an unbroken one.
So nobody continues a shared random generator: everyone derives a seed from the run's seed and the name of what it is
for, ``derive(plan.seed, "latents", edit.key, 3)``.
"""

from __future__ import annotations

import hashlib

__all__ = ["derive"]


def derive(seed: int, *parts: str | int) -> int:
    """A seed in [0, 2**63) that is a hash of ``seed`` and ``parts``: the same on every machine and Python version.

    The types and borders of the parts count: ``("ab", "c")``, ``("a", "bc")``, ``(1,)`` and ``("1",)`` all differ.

    Raises:
        TypeError: a part is neither text nor a whole number (a float would be rounded differently elsewhere).
    """
    digest = hashlib.sha256()
    for part in (seed, *parts):
        if isinstance(part, bool) or not isinstance(part, (str, int)):
            raise TypeError(f"seeds derive from text and whole numbers, not {type(part).__name__}: {part!r}")
        # Text may hold lone surrogates (file names do); they must not stop a run.
        text = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else str(int(part)).encode()
        digest.update(b"%c%d:" % (ord("s" if isinstance(part, str) else "i"), len(text)) + text)
    return int.from_bytes(digest.digest()[:8], "big") >> 1
