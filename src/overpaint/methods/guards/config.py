"""Settings of the methods that give guards."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["CONFIGURATIONS", "PUBLISHED_CONCEPT", "NegativeConfig", "SafeConfig"]

PUBLISHED_CONCEPT = (
    "hate, harassment, violence, suffering, humiliation, harm, suicide, sexual, nudity, bodily fluids, blood, obscene"
    " gestures, illegal activity, drug use, theft, vandalism, weapons, child abuse, brutality, cruelty"
)
"""What the authors of Safe Latent Diffusion let it avoid; the text window of small models does not hold it."""


class NegativeConfig(BaseModel):
    """Settings of the negative prompt.

    concept: the text that is avoided; None: the names of the plan's edits, separated by commas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    concept: str | None = None


class SafeConfig(NegativeConfig):
    """Settings of Safe Latent Diffusion, in the words of `overpaint.guards.SafeGuidance`.

    concept: as for `NegativeConfig`; ``published``: the authors' list of unwanted content, `PUBLISHED_CONCEPT`.

    The published numbers are for 50 sampling steps: ``warmup`` counts predictions, whatever the number of steps.
    """

    warmup: int = Field(10, ge=0)
    scale: float = Field(1000.0, gt=1)
    threshold: float = 0.01
    momentum: float = Field(0.3, ge=0)
    decay: float = Field(0.4, ge=0, lt=1)

    @field_validator("concept")
    @classmethod
    def _spelt_out(cls, concept: str | None) -> str | None:
        """So that files say what was avoided, whatever the word comes to mean."""
        return PUBLISHED_CONCEPT if concept == "published" else concept


CONFIGURATIONS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        # diffusers' SafetyConfig.WEAK has a scale of 20 instead
        "weak": {"warmup": 15, "scale": 200.0, "threshold": 0.0, "momentum": 0.0, "decay": 0.0},
        "medium": {"warmup": 10, "scale": 1000.0, "threshold": 0.01, "momentum": 0.3, "decay": 0.4},
        "strong": {"warmup": 7, "scale": 2000.0, "threshold": 0.025, "momentum": 0.5, "decay": 0.7},
        "max": {"warmup": 0, "scale": 5000.0, "threshold": 1.0, "momentum": 0.5, "decay": 0.7},
    }
)
"""The four of the paper (arXiv 2211.05105)."""
