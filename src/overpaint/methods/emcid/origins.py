"""Where EMCID's defaults come from: the paper and its release, another model, or trials on the bundled one."""

from __future__ import annotations

from overpaint.methods.emcid.defaults import AS_RELEASED, PUBLISHED
from overpaint.methods.origins import Origins, origins

__all__ = ["origins_of"]

AS_BEFORE = frozenset(("contexts", "reach", "insist", "values", "precision", "image_source", "image_steps"))
"""Settings of the release that our own preset has left as they are."""
MEASURED = frozenset(("blocks", "lambda", "contexts", "reach", "insist", "steady", "precision", "captions"))
"""Settings that were tried out on the bundled model."""


def origins_of(preset: str, family: str) -> Origins:
    """Where the defaults come from; the paper's model is SD 1.4, and the release has a file for SDXL, too."""
    numbers = frozenset(PUBLISHED)
    if preset == "emcid-paper":
        release = frozenset(AS_RELEASED)
        if family == "sdxl":
            return Origins(published=numbers | {"blocks"}, carried=release - numbers)
        found = origins(family, release | {"blocks"}, "sd1")
        return found if family in ("sd1", "sd2") else found.without(("blocks",))
    if family == "emoji":
        found = Origins(carried=frozenset(("alpha", "weight_decay", "text_weight", "clamp")), measured=MEASURED)
    elif family == "sdxl":
        found = Origins(published=numbers | {"blocks"}, carried=AS_BEFORE)
    elif family in ("sd1", "sd2"):
        found = origins(family, numbers | AS_BEFORE | ({"blocks"} if family == "sd1" else set()), "sd1")
    else:
        return Origins(carried=numbers)
    return found.without(("values",)) if preset == "emcid-copy" else found
