"""Prompts to token ids and to the positions of phrases, in the words that a pipeline puts around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from overpaint.backbone import subject as subjects
from overpaint.backbone.subject import Subject
from overpaint.errors import BackboneError

__all__ = ["Tokens"]


class Tokens:
    """A tokenizer as one pipeline uses it.

    Attributes:
        begin: tokens that precede every prompt.
    """

    def __init__(self, tokenizer: Any, window: int, begin: int, chat: tuple[str, str] | None = None) -> None:
        """``chat``: what stands before and behind a prompt; ``begin`` is then counted."""
        self.begin = begin if chat is None else len(tokenizer(chat[0]).input_ids)
        self._tokenizer = tokenizer
        self._window = window
        self._offsets = _with_offsets(tokenizer)
        self._chat = chat

    def ids(self, prompts: Sequence[str]) -> Tensor:
        """Token ids (n, window) int64, padded and cut."""
        encoded = self._tokenizer(
            [self._said(prompt) for prompt in prompts],
            padding="max_length",
            max_length=self._window,
            truncation=True,
            return_tensors="pt",
        )
        ids: Tensor = encoded.input_ids
        return ids

    def locate(self, template: str, subject: str) -> Subject:
        """See `overpaint.backbone.subject.locate`."""
        closed = self._chat is None
        found = subjects.locate(self._offsets, self._window, self._said(template), subject, self.begin, closed=closed)
        self._check_offsets(found.prompt)
        return self._unsaid(found)

    def locate_empty(self, template: str) -> Subject:
        """See `overpaint.backbone.subject.locate_empty`."""
        return self._unsaid(subjects.locate_empty(self._offsets, self._window, self._said(template), self.begin))

    def _said(self, prompt: str) -> str:
        before, behind = self._chat or ("", "")
        return before + prompt + behind

    def _unsaid(self, found: Subject) -> Subject:
        """The subject in the prompt alone; positions count what is around it."""
        before, behind = self._chat or ("", "")
        return replace(found, prompt=found.prompt[len(before) : len(found.prompt) - len(behind)])

    def _check_offsets(self, prompt: str) -> None:
        """A slow tokenizer has no offsets; its fast twin may be trusted only where both agree."""
        if self._offsets is self._tokenizer:
            return
        if self._offsets(prompt)["input_ids"] != self._tokenizer(prompt)["input_ids"]:
            raise BackboneError(
                f"prompt {prompt!r}: the slow and the fast form of this tokenizer disagree on it; load the pipeline"
                " with tokenizer=CLIPTokenizerFast"
            )


def _with_offsets(tokenizer: Any) -> Any:
    """The tokenizer itself, or for a slow one (the default of transformers 4) its fast twin, which knows offsets."""
    if tokenizer.is_fast:
        return tokenizer
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import convert_slow_tokenizer

    return PreTrainedTokenizerFast(
        tokenizer_object=convert_slow_tokenizer(tokenizer),
        bos_token=tokenizer.bos_token,
        eos_token=tokenizer.eos_token,
        unk_token=tokenizer.unk_token,
        pad_token=tokenizer.pad_token,
    )
