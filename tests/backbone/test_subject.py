from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overpaint.backbone.subject import Subject, locate, locate_empty
from overpaint.errors import BackboneError
from tests.models import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
WINDOW = 77


def pieces(found: Subject) -> list[str]:
    ids = TOKENIZER(found.prompt).input_ids[found.start : found.stop]
    return [str(piece) for piece in TOKENIZER.convert_ids_to_tokens(ids)]


def spelled(found: Subject) -> str:
    """The subject's tokens as text, byte-level characters undone."""
    return str(TOKENIZER.decode(TOKENIZER(found.prompt).input_ids[found.start : found.stop]))


def test_phrase_is_the_slot_and_not_its_likeness_elsewhere() -> None:
    assert pieces(locate(TOKENIZER, WINDOW, "a kitchen with a {}", "hen")) == ["hen</w>"]
    first = locate(TOKENIZER, WINDOW, "a {} next to a hen", "hen")
    second = locate(TOKENIZER, WINDOW, "a hen next to a {}", "hen")
    assert first.prompt == second.prompt
    assert (first.start, first.last) == (2, 2)
    assert second.start > first.stop
    assert first.end == second.end == len(TOKENIZER(first.prompt).input_ids) - 1


def test_subject_named_like_a_special_token() -> None:
    """The reference finds "art" in the begin token; its characters are no part of the prompt."""
    found = locate(TOKENIZER, WINDOW, "{}", "art")
    assert found.start == 1
    assert spelled(found) == "art"


@pytest.mark.parametrize(
    "subject",
    ["Curaçao", "Curac\u0327ao", "İstanbul", "x 👩\u200d🚀", "straße", "ﬁsh", "ΔΩ", "two  \t words", "3 dogs", "hen's"],
)
@pytest.mark.parametrize("template", ["{}", "a photo of a {}", "an İstanbul é\u0301 of {}, in a kitchen", "({})!"])
def test_offsets_are_those_of_the_prompt_as_written(template: str, subject: str) -> None:
    """Normalisation shortens, lengthens and lower-cases; the tokens found are those of the subject all the same."""
    found = locate(TOKENIZER, WINDOW, template, subject)
    alone = " ".join(unicodedata.normalize("NFC", subject).lower().split())
    assert spelled(found).replace(" ", "") == alone.replace(" ", "")
    assert TOKENIZER(found.prompt).input_ids[found.end] == TOKENIZER.eos_token_id


def test_token_across_the_edge_of_the_slot_belongs_to_the_subject() -> None:
    assert pieces(locate(TOKENIZER, WINDOW, "many {}s", "hen")) == ["hens</w>"]
    assert pieces(locate(TOKENIZER, WINDOW, "a {}'s nest", "hen")) == ["hen</w>"]
    assert pieces(locate(TOKENIZER, WINDOW, "a kitc{}", "hen"))[-1].endswith("</w>")


def test_spaces_around_a_subject_are_no_part_of_it() -> None:
    assert pieces(locate(TOKENIZER, WINDOW, "a {} in", " hen ")) == ["hen</w>"]


def test_subject_beyond_the_window() -> None:
    template = "dog " * 74 + "{}"
    assert locate(TOKENIZER, WINDOW, template, "hen").last == 75
    with pytest.raises(BackboneError, match=r"concept 'hen'.*number 76.*holds 75 tokens.*shorten"):
        locate(TOKENIZER, WINDOW, "dog " + template, "hen")


def test_cut_prompt_ends_at_the_last_position() -> None:
    found = locate(TOKENIZER, WINDOW, "a {}" + " dog" * 100, "hen")
    assert (found.last, found.end) == (2, 76)


def test_subject_without_tokens() -> None:
    for nothing in ("", " ", "\t"):
        with pytest.raises(BackboneError, match="no token"):
            locate(TOKENIZER, WINDOW, "a {}", nothing)


def test_empty_subject_stands_at_the_begin_token() -> None:
    assert locate_empty(TOKENIZER, WINDOW) == Subject("", 0, 1, 1)
    assert locate_empty(TOKENIZER, WINDOW, "a photo of {}").last == 0


@pytest.mark.parametrize("template", ["a hen", "{} and {}"])
def test_template_needs_one_slot(template: str) -> None:
    with pytest.raises(BackboneError, match="exactly one"):
        locate(TOKENIZER, WINDOW, template, "hen")


def test_end_token_inside_the_prompt_is_refused() -> None:
    with pytest.raises(BackboneError, match=r"no token for '<\|endoftext\|>'"):
        locate(TOKENIZER, WINDOW, "a {} <|endoftext|>", "hen")


@settings(max_examples=200, deadline=None)
@given(before=st.text(max_size=12), subject=st.text(max_size=12), after=st.text(max_size=12))
def test_any_text_is_located_or_refused(before: str, subject: str, after: str) -> None:
    """What is left of the subject's tokens is spelled by what stands left of the slot, and so on the right."""
    template = before.replace("{}", "") + "{}" + after.replace("{}", "")
    if template.count("{}") != 1:
        return
    try:
        found = locate(TOKENIZER, WINDOW, template, subject)
    except BackboneError:
        return
    assert 1 <= found.start < found.stop <= found.end
