"""The texts whose statistics an edit keeps."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.backbone.backbone import Backbone
from overpaint.errors import OverpaintError

__all__ = ["captions_for"]


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
