"""Natural lower-case names out of emojibase's labels."""

import re
import unicodedata

from overpaint.emoji.recipe.tables import NAMES

__all__ = ["natural", "plain", "stems"]


def plain(text: str) -> str:
    """Lower-case ASCII words, single spaces: what a 1,000-piece tokenizer can be expected to know."""
    text = text.replace("’", "'").replace("&", " and ")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    text = re.sub(r"[^a-z0-9']+", " ", text)
    return " ".join(text.split())


def natural(label: str) -> str:
    """The name of an emoji: "woman: red hair" is "woman with red hair", "family: man, boy" "family of man and boy"."""
    if label in NAMES:
        return NAMES[label]
    label = re.sub(r"\(.*?\)", "", label)
    head, _, tail = label.partition(": ")
    if tail.endswith(("hair", "beard")):
        label = f"{head} with {tail}"
    elif head == "family" and tail:
        *members, last = tail.split(", ")
        label = f"family of {' '.join(members)} and {last}"
    return plain(label)


def stems(phrase: str) -> frozenset[str]:
    """The words of a phrase cut to a crude stem, so that "gloves" and "glove", "smiling" and "smile" are the same."""
    return frozenset(_stem(word) for word in re.split(r"[ ']", phrase) if word)


def _stem(word: str) -> str:
    for ending in ("iness", "ness", "ing", "ies", "ied", "ily", "ers", "ed", "er", "ly", "es", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word
