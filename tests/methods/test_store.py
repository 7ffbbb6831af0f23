"""What hangs on content alone is made once for each content, whatever it is called for people."""

from __future__ import annotations

import torch

from overpaint.methods.store import TransientStore, once


def test_once_for_each_content() -> None:
    store = TransientStore()
    made: list[int] = []

    def make() -> dict[str, torch.Tensor]:
        made.append(len(made))
        return {"number": torch.tensor(made[-1])}

    first = once(store, {"a": 1}, make, {"what": "one"})
    assert once(store, {"a": 1}, make, {"what": "another"}) == first
    assert once(store, {"a": 2}, make, {"what": "one"})["number"] == 1
    assert made == [0, 1]
    assert [meta["what"] for meta in store.meta.values()] == ["one", "one"]
