"""Which token of a prompt is to be read as which token of another: the conventions of the published methods.

* ``last``: the last token of the source as the last of the destination (UCE's newer code).
* ``sequence``: from there on one by one, end and padding included, as far as both rows go (UCE's first code and paper).
* ``matching``: tokens of the source phrase as the same tokens in the destination phrase, in order, or as its last where
  they are missing; what precedes as it is; what follows one by one, the row's end repeated (TIME, arXiv 2303.08084).
* ``context``: all but the phrases (MACE, arXiv 2403.06135, closed-form refinement).
* ``all``: every position as the same position (RECE's code, arXiv 2407.12383).

The destination "" is the empty prompt, whose last token is the begin token; ``matching`` and ``context`` take the
prompt with nothing in its slot instead.
"""

from __future__ import annotations

from overpaint.backbone.reading import Reader
from overpaint.backbone.subject import Subject
from overpaint.methods.closed_form.config import Tokens

__all__ = ["destination_of", "links"]


def destination_of(reader: Reader, template: str, phrase: str, tokens: Tokens, source: Subject) -> Subject:
    """Where the destination phrase stands. BackboneError if it does not fit the window."""
    if phrase:
        return reader.locate(template, phrase)
    inside = tokens in ("matching", "context")
    found = reader.locate_empty(template if inside else "{}")
    # the last of the tokens that precede every prompt; where there are none (T5), the end token
    start = source.start if inside else max(1, reader.begin)
    return Subject(found.prompt, start, start, found.end)


def links(
    source: Subject, destination: Subject, window: int, tokens: Tokens, ids: tuple[list[int], list[int]]
) -> dict[int, int]:
    """Positions in the source prompt's row to positions in the destination's.

    Args:
        source: the phrase in its prompt.
        destination: the other phrase in its prompt.
        window: length of both rows.
        ids: token ids of both rows.
    """
    if tokens == "last":
        return {source.last: destination.last}
    if tokens == "all":
        return {i: i for i in range(window)}
    if tokens == "sequence":
        return _behind(source.last, destination.last, window)
    before = {i: i for i in range(1, source.start)}
    if tokens == "context":
        return before | _behind(source.stop, destination.stop, window)
    behind = {i: min(destination.stop + i - source.stop, window - 1) for i in range(source.stop, window)}
    return {0: 0} | before | _matched(source, destination, ids) | behind


def _behind(first: int, other: int, window: int) -> dict[int, int]:
    return {first + k: other + k for k in range(window - max(first, other))}


def _matched(source: Subject, destination: Subject, ids: tuple[list[int], list[int]]) -> dict[int, int]:
    found, next_free = {}, destination.start
    for i in range(source.start, source.stop):
        same = [j for j in range(next_free, destination.stop) if ids[1][j] == ids[0][i]]
        found[i] = same[0] if same else destination.last
        next_free = same[0] + 1 if same else next_free
    return found
