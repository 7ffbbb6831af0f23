"""Which token becomes which."""

from __future__ import annotations

from overpaint.methods.closed_form.config import Tokens
from overpaint.methods.closed_form.tokens import destination_of, links
from tests.methods.tiny import WINDOW, tiny_text

TEXT = tiny_text(layers=1)
CLOSING = WINDOW - 1


def linked(template: str, source: str, phrase: str, tokens: Tokens) -> dict[int, int]:
    found = TEXT.locate(template, source)
    other = destination_of(TEXT, template, phrase, tokens, found)
    ids = TEXT.tokenize([found.prompt, other.prompt]).tolist()
    return links(found, other, WINDOW, tokens, (ids[0], ids[1]))


def test_the_last_token_of_the_name_wherever_it_stands() -> None:
    assert linked("{} in kitchen", "dog", "cat", "last") == {1: 1}
    assert linked("photo of {}", "hens dog", "cat", "last") == {4: 3}
    assert linked("photo of {}", "dog", "", "last") == {3: 0}


def test_a_sequence_runs_from_the_last_token_to_the_end_of_the_shorter_rest() -> None:
    found = linked("photo of {}", "dog", "hens cat dog", "sequence")
    assert found == {3 + k: 5 + k for k in range(WINDOW - 5)}
    found = linked("photo of {}", "hens cat dog", "dog", "sequence")
    assert found == {5 + k: 3 + k for k in range(WINDOW - 5)}
    # name to begin token, end to end, padding to padding
    assert linked("{}", "dog", "", "sequence") == {1 + k: k for k in range(WINDOW - 1)}


def test_matching_tokens_find_their_like_in_the_fuller_phrase() -> None:
    found = linked("photo of {}", "dog", "hens dog", "matching")
    assert found[3] == 4
    assert [found[i] for i in (0, 1, 2)] == [0, 1, 2]
    assert [found[i] for i in (4, 5)] == [5, 6]
    assert found[CLOSING] == CLOSING
    assert set(found) == set(range(WINDOW))
    # what is missing becomes the last
    assert linked("{}", "pizza", "hens dog", "matching")[1] == 2


def test_the_context_leaves_the_phrases_out() -> None:
    found = linked("photo of {} in kitchen", "hens dog", "cat", "context")
    assert set(found) == {1, 2, *range(5, WINDOW)}
    assert (found[1], found[2], found[5]) == (1, 2, 4)
    nothing = linked("photo of {} in kitchen", "dog", "", "context")
    assert (nothing[1], nothing[2], nothing[4]) == (1, 2, 3)


def test_all_positions_are_themselves() -> None:
    assert linked("photo of {}", "dog", "", "all") == {i: i for i in range(WINDOW)}
