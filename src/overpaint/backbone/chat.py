"""Chat templates: the words that a pipeline puts around a prompt before a language model reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["chat_template"]

_MARK = "\x00"


def chat_template(tokenizer: Any, **settings: Any) -> tuple[str, str]:
    """What stands before and behind a prompt that a user says, the model's turn opened.

    ``settings`` are the template's own (``enable_thinking``, say).
    """
    messages = [{"role": "user", "content": _MARK}]
    apply: Callable[..., str] = tokenizer.apply_chat_template
    before, behind = apply(messages, tokenize=False, add_generation_prompt=True, **settings).split(_MARK)
    return before, behind
