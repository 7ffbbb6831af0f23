"""The texts whose statistics an edit keeps."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from overpaint.backbone.backbone import Backbone
from overpaint.errors import OverpaintError

__all__ = ["captions_for", "unread"]


def captions_for(
    backbone: Backbone, count: int, given: Sequence[str] | None, purpose: str = "second moments"
) -> list[str]:
    """The captions given, or ``count`` of the bundled model's own. OverpaintError for a model that brings none."""
    if given is not None:
        return list(given)
    if backbone.family != "emoji":
        raise OverpaintError(
            f"{purpose}: a model of family {backbone.family!r} brings no captions; give a file of some ten"
            " thousand image captions, one per line (--captions FILE, or captions=... in Python)"
        )
    from overpaint.emoji.captions import corpus
    from overpaint.emoji.vocabulary import Vocabulary

    return corpus(Vocabulary.load(), count, seed=0)


def unread(name: str, config: BaseModel) -> str | None:
    """Why the method of that name makes nothing of captions under these settings, with the remedy; None if it does.

    The setting that asks for them is the number retained, the weight of their second moment, or how many are kept.
    """
    asking = next((setting for setting in ("retain", "moment", "captions") if hasattr(config, setting)), None)
    if asking is None:
        return f"{name} reads no captions; leave them out"
    if getattr(config, asking):
        return None
    kept = "keep N of them" if asking in ("retain", "captions") else "keep them with that weight"
    return f"{name} reads none where {asking} is 0; --set {asking}=N makes it {kept}"
