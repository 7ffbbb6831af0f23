"""Sentences without end around a subject: a small grammar, so that the text tower learns to read a name anywhere.

A tower that has seen sixty sentences knows those sixty; one that has seen many thousands knows what a sentence is. No
part contains a word that names a concept, and the free-form test prompts cannot be made from these parts
(both are tested).
"""

from __future__ import annotations

import re

import numpy as np

__all__ = ["FRAMES", "LONGEST", "PARTS", "free_form"]

LONGEST = 36
"""Characters around the subject at most: with a long name it still has to fit 24 pieces."""

FRAMES: tuple[str, ...] = (
    "{who} {did} {det} {} {when}",
    "{who} {did} {det} {}",
    "{did} {det} {} {where}",
    "{who} {did} {det} {quality} {}",
    "{det} {} {where}",
    "{det} {quality} {} {where}",
    "{det} {quality} {}",
    "{where} {det} {}",
    "{when} {who} {did} {det} {}",
    "{det} {} is {quality}",
    "{det} {} was {quality} {when}",
    "{asking} {det} {}",
    "{asking} {det} {} {where}",
    "{showing} of {det} {}",
    "{showing} of {det} {quality} {}",
    "{showing} of {det} {} {where}",
    "{quality} {}",
    "{} {where}",
    "{} {when}",
    "{} and nothing else",
)
"""Sentence frames; ``{}`` is the subject, named slots are filled from `PARTS`."""

_WORDS = {
    "det": "a|a|a|the|the|this|that|one|another|my|your|his|her|our|their|every|no|some",
    "who": "i|you|we|they|he|she|someone|nobody|everybody|my sister|my friends|his uncle|her cousin|our guests|"
    "the kids|the owner|your parents|the others|a stranger|the visitors|the author|both of us|"
    "all of them|the crowd|people",
    "did": "found|saw|lost|bought|sold|drew|likes|wants|needs|brought|sent|forgot|remembers|asked for|"
    "talked about|dreamt of|wrote about|thought of|hid|dropped|carried|took|picked|chose|mentioned|"
    "described|made|fixed|broke|borrowed|returned|shared|collected|noticed|sketched|printed|prefers|"
    "hates|loved|admired|ordered|imagined|moved|cleaned|kept|got|met",
    "when": "today|yesterday|again|last week|at night|in the morning|last summer|this winter|every day|once more|"
    "on monday|before lunch|after work|all day|at dawn|in may|later|long ago|right now|two days ago|"
    "next year|in the evening",
    "where": "in the street|on the floor|behind the wall|under the table|in the corner|at the back|in the city|"
    "over there|in town|on the left|far away|at home|next to it|in the middle|on the shelf|in a museum|"
    "at the market|in the yard|on the roof|near the coast|in the attic|by the way|outside|upstairs|"
    "on page two|in the news|on the screen|between two chairs|in my room|in a dream|on the ground|"
    "at the fair|in a small village|on stage",
    "quality": "big|small|old|new|strange|lovely|quiet|famous|broken|cheap|tiny|huge|wonderful|boring|simple|"
    "perfect|missing|pretty|ugly|nice|funny|heavy|light|long|short|clean|dirty|fine|rare|common|very old|"
    "quite small|really good|too big|almost new|well made|plain|modern|favourite|different|similar|"
    "typical|ordinary|beautiful",
    "asking": "where is|who has|can you see|why is there|is that|what is|show me|give me|have you seen|do you like|"
    "look at|here is|there was|i would like|let us draw|please bring|think about|nothing beats|imagine|"
    "beware of|this must be",
    "showing": "a poster|a print|a doodle|a photo|a snapshot|a close up|a picture|a drawing|a sketch|an image|"
    "a painting|an icon|a cartoon|a symbol|a model|a copy|a detail|two pictures|an old photo|"
    "a quick sketch|the outline|a view",
}
PARTS: dict[str, tuple[str, ...]] = {slot: tuple(words.split("|")) for slot, words in _WORDS.items()}
"""What fills each named slot."""


_BEFORE_VOWEL = re.compile(r"\ba (?=[aeiou])")


def free_form(rng: np.random.Generator) -> str:
    """A random sentence with one ``{}``, at most `LONGEST` characters around it."""
    while True:
        frame = FRAMES[int(rng.integers(len(FRAMES)))]
        for slot, words in PARTS.items():
            frame = frame.replace(f"{{{slot}}}", words[int(rng.integers(len(words)))])
        if len(frame) - 2 <= LONGEST:
            return _BEFORE_VOWEL.sub("an ", frame)
