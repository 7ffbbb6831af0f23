"""Other words for a source are edited with it, whatever the method."""

from __future__ import annotations

import pytest
import torch

from overpaint.methods import METHODS
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, QUICK, TEMPLATES, changes, fitted, tiny_backbone


def test_every_method_that_gives_patches_is_looked_at() -> None:
    assert QUICK.keys() == {method.name for method in METHODS.values() if not method.edits.startswith("nothing")}


@pytest.mark.parametrize("method", QUICK)
def test_other_words_change_the_patch(method: str) -> None:
    model = tiny_backbone()
    what = {"replace": "dog", "with": "cat"} if "replace" in METHODS[method].actions else {"erase": "dog", "to": "cat"}

    def change(*also: str) -> dict[str, torch.Tensor]:
        edit = {**what, "also": list(also), "prompts": list(TEMPLATES)}
        plan = Plan.parse({"method": method, "settings": QUICK[method], "edits": [edit]})
        return changes(model, fitted(model, plan, captions=CAPTIONS))

    alone, both = change(), change("hens")
    assert max(float((both[name] - value).norm() / value.norm()) for name, value in alone.items()) > 1e-3
