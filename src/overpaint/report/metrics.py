"""How the page calls what suites measure, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from overpaint.bench.results import Row

__all__ = ["ASKED_OF_ALL", "GROUPS", "HEADLINES", "HOLD_OUTS", "WORST_FIRST", "headline"]

HOLD_OUTS = "hold-outs"
WORST_FIRST = (HOLD_OUTS, "neighbours", "preserved")

GROUPS = {
    "templates": ("What was edited", "in the prompts of the plan"),
    "free form": ("In free sentences", "in sentences that no method has seen"),
    "aliases": ("By other names", "asked for by names that no edit mentions"),
    "no attack": ("No attack", "by its own name"),
    "paraphrases": ("Attack: paraphrases", "other names of it, and phrases that only name its category"),
    "other languages": ("Attack: other languages", "its names in other languages"),
    "misspelling": ("Attack: misspelling", "its name with one or two letters wrong"),
    "token search": ("Attack: token search", "words before a prompt, searched for each model anew"),
    "embedding inversion": ("Attack: embedding inversion", "a word learned from pictures of it, for each model anew"),
    "latent inversion": (
        "Attack: latent inversion",
        "noise computed from pictures of it, for each model anew, without text",
    ),
    "preserved": ("To preserve", "what the plan protects knowingly"),
    "neighbours": ("Its neighbours", "the concepts nearest to the edited ones, which should stay as they were"),
    HOLD_OUTS: ("Hold-outs", "concepts that have nothing to do with the edits"),
}
"""By group of prompts a heading and what the group is, in the order of the page."""

HEADLINES: tuple[tuple[str, Sequence[tuple[str, str]]], ...] = (
    ("Hold-outs, change", (("hold-out change", HOLD_OUTS),)),
    ("Neighbours, change", (("neighbour damage", "neighbours"),)),
    ("Destination drawn", (("P(destination) / C", "templates"), ("source-to-destination", "templates"))),
    ("... in free sentences", (("P(destination) / C", "free form"), ("source-to-destination", "free form"))),
    ("Source forgotten", (("source forget", "templates"),)),
    ("Source left", (("P(source) left", "templates"),)),
    ("Source found by its name", (("attack success after", "no attack"),)),
    ("... by a prompt search", (("attack success after", "token search"),)),
    ("... by a learned word", (("attack success after", "embedding inversion"),)),
)
"""The figures in big numbers: a name, and which metrics and groups it may stand for, the first one found."""

ASKED_OF_ALL: tuple[tuple[tuple[str, ...], str], ...] = (
    (("templates", "no attack"), "edited concepts in the plan's prompts"),
    (("free form",), "edited concepts in free sentences"),
    (("aliases", "paraphrases"), "edited concepts by other names"),
    (("neighbours",), "damage to neighbours"),
    ((HOLD_OUTS,), "hold-outs"),
)
"""What every evaluation of edits should have, by the groups that may hold it; what is missing is said."""


def headline(rows: Sequence[Row], wanted: Sequence[tuple[str, str]]) -> Row | None:
    """The first of the wanted metrics and groups that is there."""
    found = {(row.metric, row.group): row for row in rows}
    return next((found[one] for one in wanted if one in found), None)
