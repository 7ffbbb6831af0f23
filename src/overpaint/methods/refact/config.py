"""Settings of ReFACT; published: arXiv 2306.00738, appendix, and its release."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RefactConfig"]


class RefactConfig(BaseModel):
    """All settings, in the words of a plan's ``settings``.

    block: the block whose feed-forward output matrix is edited, from 0.
    steps, rate: of Adam, at most and how fast.
    weight_decay: of ``||delta|| / ||h||^2`` with h the matrix's output.
    clamp: largest ``||delta|| / ||h||``.
    stop: an edit is done when the right text has this probability in all its prompts on average.
    negatives: captions that the edited text must not become, beside its old self.
    lambda: weight of the captions' second moment against the edits; the release's exact edit is the limit of 0.
    captions: how many of the bundled captions the second moment is of.
    padding: how much a padding token counts there against a caption's.
    batch: concepts optimised together; changes speed, not results.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    block: int = Field(9, ge=0)
    steps: int = Field(100, ge=1)
    rate: float = Field(0.05, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    clamp: float = Field(4.0, gt=0)
    stop: float = Field(0.99, gt=0, le=1)
    negatives: int = Field(20, ge=0)
    lambda_: float = Field(1e-3, alias="lambda", gt=0)
    captions: int = Field(3000, ge=1)
    padding: float = Field(0.0, ge=0)
    batch: int = Field(8, ge=1)
