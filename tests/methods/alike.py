"""What must hold of a method's patch on a pipeline of any family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.guards import Change
from overpaint.methods import TransientStore, fit
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, TEMPLATES

__all__ = ["REPLACED", "acts_and_is_undone", "plan_of", "reads_the_destination", "writes_the_learned_values"]

REPLACED = {"replace": "dog", "with": "cat", "prompts": list(TEMPLATES)}


def plan_of(method: str, edit: dict[str, Any] | None = None, **settings: Any) -> Plan:
    return Plan.parse({"method": method, "settings": settings, "edits": [edit or REPLACED]})


def writes_the_learned_values(model: Backbone, templates: Sequence[str] = TEMPLATES) -> Patch:
    """EMCID on the first two blocks of the one encoder that it edits: the state becomes v0 + delta, and back again."""
    store, text = TransientStore(), model.text
    edit = {**REPLACED, "prompts": list(templates)}
    plan = plan_of("emcid", edit, blocks=[0, 1], steps=5, protect=0.0, **{"lambda": 1e-4})
    patch = fit(model, plan, store=store, captions=CAPTIONS)
    assert isinstance(patch, Patch)
    assert set(patch.deltas) == {text.fc2_name(0), text.fc2_name(1)}
    (memory,) = [entry for entry in store.entries.values() if "delta" in entry]

    @torch.no_grad()
    def state() -> Tensor:
        found = [text.locate(template, "dog") for template in templates]
        rows = text.run(text.embed(text.tokenize([one.prompt for one in found])), 0, 2)
        return torch.stack([row[one.last] for row, one in zip(rows, found, strict=True)]).mean(dim=0)

    wanted = memory["v0"] + memory["delta"]
    before = state()
    with patch.applied_to(model.pipe):
        after = state()
    assert (after - wanted).norm() < 0.2 * (before - wanted).norm()
    assert torch.equal(state(), before)
    return patch


@torch.no_grad()
def reads_the_destination(model: Backbone, **settings: Any) -> Patch:
    """UCE: what every layer makes of the source's last token is what it made of the destination's."""
    named = {"replace": "dog", "with": "cat", "prompts": ["{}"]}
    patch = fit(model, plan_of("uce", named, **{"lambda": 1e-6, **settings}))
    assert isinstance(patch, Patch)
    assert set(patch.deltas) == {name for reading in model.readings for name in reading.layers}
    rows = [
        (layer, torch.stack([reader.encode([name])[0, reader.locate("{}", name).last] for name in ("dog", "cat")]))
        for reading in model.readings
        for reader in reading.readers
        for layer in reading.layers.values()
    ]
    before = [layer(states) for layer, states in rows]
    with patch.applied_to(model.pipe):
        after = [layer(states) for layer, states in rows]
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new[0], old[1], rtol=1e-2, atol=1e-2)
    return patch


def acts_and_is_undone(
    model: Backbone, change: Change, prompt: str = "dog", steps: int = 1, guidance: float | None = None
) -> None:
    """Pictures differ while it is applied, and are the same to the bit afterwards."""

    def drawn() -> Tensor:
        return model.sample([prompt], [0], steps=steps, guidance=guidance)

    before = drawn()
    with change.applied_to(model.pipe):
        assert not torch.equal(drawn(), before)
    assert torch.equal(drawn(), before)
