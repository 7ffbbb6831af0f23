"""Other words for a concept: phrases of captions that the model draws as it draws the source of an edit.

A name that is edited leaves every other word for the same thing as it was: who replaces "beer mug" still gets one for
"stein". Nobody need know these words. What captions say are the candidates; those whose text is near a source's are
looked at, and those at which the denoiser predicts what it predicts for the source mean it. No label, no lexicon and no
other model is asked.

Looking at text alone would not do: neighbours ("wolf" beside "dog") are as near as other words are. What the denoiser
makes of them tells them apart.
"""

from overpaint.methods.words.widen import looking, widened

__all__ = ["looking", "widened"]
