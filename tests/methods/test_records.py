"""Records are whole, in order, and made once, whoever asks for them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from overpaint.methods.records import PART, StoredRecords, parts, pieces, recorded
from overpaint.methods.store import TransientStore


@pytest.mark.parametrize("count", [0, 1, PART - 1, PART, PART + 1, 5 * PART])
def test_parts_hold_every_picture_once(count: int) -> None:
    found = parts(count)
    assert [number for part in found for number in part] == list(range(count))
    assert all(0 < len(part) <= PART for part in found)
    assert all(len(part) == PART for part in found[:-1])


def test_pieces_hold_every_prompt_whole_and_once() -> None:
    counts = {"a": PART // 2, "b": PART // 2, "c": 1, "d": 3 * PART, "e": 2}
    found = list(pieces(counts))
    assert [list(piece) for piece in found] == [["a", "b"], ["c"], ["d"], ["e"]]
    assert {prompt: count for piece in found for prompt, count in piece.items()} == counts


def test_rows_are_made_once_for_all_that_they_depend_on() -> None:
    store = TransientStore()
    made: list[tuple[str, int]] = []
    heard: list[int] = []

    def rows_of(about: str, seed: int) -> dict[str, Tensor]:
        def make() -> dict[str, Tensor]:
            made.append((about, seed))
            return {"x": torch.tensor([len(made)])}

        records = StoredRecords[str](store, lambda what: {"what": what, "seed": seed}, lambda what: {"source": what})
        return recorded(records, about, 7, make, heard.append)

    first = [rows_of(*asked)["x"].item() for asked in (("dog", 0), ("cat", 0), ("dog", 1))]
    assert [rows_of(*asked)["x"].item() for asked in (("dog", 0), ("cat", 0), ("dog", 1))] == first == [1, 2, 3]
    assert made == [("dog", 0), ("cat", 0), ("dog", 1)]
    assert heard == [7, 7, 7]  # of what was found; who makes rows says so himself
    assert sorted(meta["source"] for meta in store.meta.values()) == ["cat", "dog", "dog"]


def test_without_records_rows_are_made_each_time() -> None:
    made: list[int] = []

    def make() -> dict[str, Tensor]:
        made.append(1)
        return {}

    for _ in range(2):
        recorded(None, "dog", 1, make, lambda count: None)
    assert len(made) == 2
