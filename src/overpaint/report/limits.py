"""What no figure of a report says, said in every report."""

from __future__ import annotations

__all__ = ["LIMITS"]

LIMITS = (
    "An edit acts on words. A prompt that describes a concept without naming it, a picture as input, an embedding made"
    " for the purpose or further training can bring it back. This is no security boundary.",
    "An attack that failed has failed within its budget. A longer or better one may succeed.",
    "A judge errs too: no figure is better than the grader or feature extractor that it was read with, and a grader"
    " sees only what it was trained to tell apart.",
    "Hold-outs and neighbours are samples. Concepts that nobody looked at may have moved further.",
    "An interval tells how far the mean over these edits or concepts may be from that over others like them. It does"
    " not tell how another model, seed of the method or kind of prompt would do.",
)
