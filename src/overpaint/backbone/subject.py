"""Where a concept stands in a tokenised prompt.

EMCID intervenes at the last token of the source phrase (arXiv 2403.13807, section 3.2). The phrase is never searched
for: a template has one slot ``{}``, so the characters of the phrase are known exactly, and the tokenizer's offset
mapping says which tokens cover them. ``"hen"`` is therefore found in ``"a kitchen with a {}"``, and not in "kitchen".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from overpaint.errors import BackboneError

__all__ = ["Subject", "fill", "locate", "locate_empty"]


@dataclass(frozen=True)
class Subject:
    """A phrase inside a prompt, in token positions of the padded row (position 0 is the begin token)."""

    prompt: str
    start: int
    """First token of the phrase."""
    stop: int
    """One past its last token."""
    end: int
    """The end token; padding begins after it."""

    @property
    def last(self) -> int:
        """Last token of the phrase."""
        return self.stop - 1

    def shortened(self, tokens: int) -> Subject:
        """The phrase without so many of its last tokens, its first one at least."""
        return replace(self, stop=max(self.start + 1, self.stop - tokens))


def fill(template: str, subject: str) -> tuple[str, int, int]:
    """The prompt with ``subject`` in the template's slot, and the subject's first and one-past-last character.

    Raises BackboneError unless the template has one slot ``{}``.
    """
    if template.count("{}") != 1:
        raise BackboneError(f"template {template!r}: has {template.count('{}')} slots; write exactly one {{}}")
    before, after = template.split("{}")
    return before + subject + after, len(before), len(before) + len(subject)


def locate(tokenizer: Any, window: int, template: str, subject: str, begin: int = 1, closed: bool = True) -> Subject:
    """The tokens that cover ``subject`` in the slot of ``template``; ``begin`` tokens precede the prompt's own.

    ``closed``: the end token ends a row, and nothing else may be spelt so; not so in a chat, where it ends each turn.

    A token that reaches across the edge of the slot (``"{}s"`` may make one token of the last letters and the "s")
    belongs to the subject: every token that overlaps the slot by a character does. Where normalisation makes one
    character of a letter and the combining mark after it, the token counts for the letter.

    Raises BackboneError if the subject has no token, if its last token lies outside the text window, or if the
    tokenizer spells part of the prompt as its end token (characters outside a small vocabulary), which would cut the
    prompt short.
    """
    prompt, first, stop = fill(template, subject)
    ids, offsets = _encode(tokenizer, prompt)
    closing = len(ids) - 1
    for position in range(begin, closing) if closed else ():
        if ids[position] == tokenizer.eos_token_id:
            a, b = offsets[position]
            raise BackboneError(
                f"prompt {prompt!r}: the model's tokenizer has no token for {prompt[a:b]!r} and ends the prompt there;"
                " write it with other characters"
            )
    covered = [i for i in range(begin, closing) if offsets[i][0] < stop and offsets[i][1] > first]
    if not covered:
        raise BackboneError(f"concept {subject!r} in template {template!r}: has no token; give it a visible name")
    if covered[-1] > window - 2:
        raise BackboneError(
            f"concept {subject!r} in template {template!r}: its last token is number {covered[-1] + 1 - begin}, the"
            f" model's text window holds {window - 1 - begin} tokens between begin and end; shorten the name or the"
            " template"
        )
    return Subject(prompt, covered[0], covered[-1] + 1, min(closing, window - 1))


def locate_empty(tokenizer: Any, window: int, template: str = "{}", begin: int = 1) -> Subject:
    """The template with nothing in its slot.

    The last of the tokens that precede every prompt, which every later token reads, stands for the phrase; where there
    are none, the first token.
    """
    prompt, _, _ = fill(template, "")
    ids, _ = _encode(tokenizer, prompt)
    stands = max(begin, 1)
    return Subject(prompt, stands - 1, stands, min(len(ids) - 1, window - 1))


def _encode(tokenizer: Any, prompt: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Untruncated, unpadded token ids with their character ranges in ``prompt`` as it was written."""
    encoded = tokenizer(prompt, return_offsets_mapping=True, padding=False, truncation=False, verbose=False)
    return encoded["input_ids"], [(int(a), int(b)) for a, b in encoded["offset_mapping"]]
