"""The English article in front of a concept's name."""

import re

__all__ = ["with_article"]

_VOWEL = re.compile(r"(?!one\b|once\b|eu|u(?:fo|ni|se|ti))(?:[aeiou]|hour|x ray)")
_PLURAL = re.compile(r"(?:\w+[^suiao]s|\bmen|women|people|children|dna)$")
_AFTER_HEAD = re.compile(r" (?:with|without|in|of|on|lifting|holding|kissing|showing|wrestling|hugging)\b.*")
_BARE = frozenset(
    {
        "aquarius",
        "aries",
        "cancer",
        "capricorn",
        "gemini",
        "leo",
        "libra",
        "money",
        "mount fuji",
        "mrs claus",
        "music gear",
        "mx claus",
        "ophiuchus",
        "pisces",
        "punctuation",
        "reading matter",
        "sagittarius",
        "santa claus",
        "scorpio",
        "sports gear",
        "tableware",
        "taurus",
        "time",
        "tokyo tower",
        "virgo",
        "weather",
    }
)


def with_article(noun: str) -> str:
    """The noun with "a" or "an"; plurals, masses and proper names stay bare ("an owl", "gloves", "santa claus")."""
    head = _AFTER_HEAD.sub("", noun)
    if noun in _BARE or _PLURAL.search(head):
        return noun
    return f"an {noun}" if _VOWEL.match(noun) else f"a {noun}"
