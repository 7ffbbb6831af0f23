"""Settings of gated edits."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from overpaint.methods.slots import Contexts, Styled

__all__ = ["GatesConfig"]


class GatesConfig(BaseModel):
    """All settings, in the words of a plan's ``settings``.

    A detector's score is 1 on average for its own concept.

    block: the block whose feed-forward layer holds the gates, from 0.
    contexts: sentences with one ``{}`` in which concepts are met beside their templates.
    styled: of edits of kind ``style``, prompts that say the style of something, each with what is to be drawn instead,
        ``{"a cat by {}": ["a cat by Monet", "a cat"]}``: the first that names nothing which the plan edits. Where the
        plan says what a style becomes, it stands in the prompt itself.
    opens, full: scores at which a gate begins to open, and from which on it is open. Lower ones let more other words
        for a concept through, and more of other concepts.
    style_opens, style_full: the same of a style's gates, which are met in any company and must open there.
    sharp: how sharply, in units of the layer's activation between the two.
    quiet: score that other tokens may have for nothing.
    own: how much a concept's own tokens count in training, all together, against one of others.
    steps, rate: of Adam; the rate in units of the first weights, falling to nil.
    alike: how much of the variance of all tokens counts as noise beside what varies in one concept; the least is needed
        where few sentences are met.
    captions: how many of the bundled captions gates must stay closed for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    block: int = Field(11, ge=0)
    contexts: Contexts = ()
    styled: Styled = Field(default_factory=dict)
    opens: float = Field(0.3, gt=0, lt=1)
    full: float = Field(0.7, gt=0)
    style_opens: float = Field(0.15, gt=0, lt=1)
    style_full: float = Field(0.4, gt=0)
    sharp: float = Field(20.0, gt=0)
    quiet: float = Field(0.1, ge=0, lt=1)
    own: float = Field(30.0, gt=0)
    steps: int = Field(80, ge=0)
    rate: float = Field(0.1, gt=0)
    alike: float = Field(1.0, gt=0)
    captions: int = Field(3096, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> GatesConfig:
        if not (self.quiet < self.opens < self.full and self.quiet < self.style_opens < self.style_full):
            raise ValueError("a gate opens above what is quiet and below what is full; give quiet < opens < full")
        return self
