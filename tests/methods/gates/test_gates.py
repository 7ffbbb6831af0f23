"""A gated edit: its own prompts end as the destination's, all others as before, and it comes off to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

import overpaint
from overpaint.backbone.loading import backbone_of
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import PlanError
from overpaint.methods import TransientStore, fit
from overpaint.methods.gates.tails import distances
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.tiny import CAPTIONS, TEMPLATES, fitted, tiny_backbone

PAIRS = {"cat": "dog", "pizza": "cactus", "guitar": "umbrella", "rabbit": "rose", "rocket": "snail"}
OTHERS = ("tiger", "banana", "hamburger", "violin", "pineapple", "a house")
UNSEEN = "we painted a {} last summer"
FEW = {"captions": 1548}
"""One of each concept: how little others move is seen."""
HASTY = {"captions": 200}


def plan_of(pairs: dict[str, str], **settings: Any) -> Plan:
    edits = [{"replace": source, "with": destination} for source, destination in pairs.items()]
    return Plan.parse({"model": "emoji", "method": "gates", "edits": edits, "settings": {**FEW, **settings}})


@cache
def emoji() -> Any:
    return overpaint.load("emoji")


@cache
def patch() -> Patch:
    return fitted(emoji(), plan_of(PAIRS))


def tails(pipe: Any, names: Sequence[str], template: str) -> Tensor:
    """Final states (n, 3, width) at the end token and two padding ones."""
    text = backbone_of(pipe).text
    ids = text.tokenize([template.format(name) for name in names])
    place = text.end_positions(ids)[:, None] + torch.arange(3)
    return text.encode([template.format(name) for name in names])[torch.arange(len(ids))[:, None], place]


@pytest.mark.parametrize("template", ["a photo of {}", UNSEEN])
def test_sources_end_as_their_destinations_and_others_as_before(template: str) -> None:
    pipe, names = emoji(), [*PAIRS]
    before, wanted, kept = (tails(pipe, some, template) for some in (names, [*PAIRS.values()], OTHERS))
    with patch().applied_to(pipe):
        after, still = tails(pipe, names, template), tails(pipe, OTHERS, template)
    way = 1 - (after - wanted).square().sum() / (before - wanted).square().sum()
    assert way > 0.6
    assert (still - kept).square().sum() < 0.05 * (kept[:1] - kept).square().sum()


def test_it_comes_off_to_the_bit() -> None:
    pipe = emoji()
    before = backbone_of(pipe).fingerprint
    with patch().applied_to(pipe):
        assert backbone_of(pipe).fingerprint != before
    assert backbone_of(pipe).fingerprint == before


def test_a_name_that_begins_with_an_edited_one_stays() -> None:
    """Where a prompt ends, all of it has been heard; at the last word of a name it has not."""
    pipe = emoji()
    plan = plan_of({"cat": "dog"}, **HASTY)
    plan = plan.model_copy(update={"preserve": ("cat with tears of joy",)})
    before = tails(pipe, ["cat with tears of joy"], "a photo of {}")
    with overpaint.fit(pipe, plan).applied_to(pipe):
        after = tails(pipe, ["cat with tears of joy"], "a photo of {}")
    assert (after - before).abs().max() < 1e-2 * before.abs().max()


def test_what_is_erased_without_an_anchor_ends_as_the_bare_template() -> None:
    pipe = emoji()
    plan = Plan.parse({"model": "emoji", "method": "gates", "settings": HASTY, "edits": [{"erase": "pizza"}]})
    before, bare = tails(pipe, ["pizza"], "A photo of {}"), tails(pipe, [""], "A photo of {}")
    with overpaint.fit(pipe, plan).applied_to(pipe):
        after = tails(pipe, ["pizza"], "A photo of {}")
    assert (after - bare).norm() < 0.6 * (before - bare).norm()


def test_an_erased_style_gives_way_to_another_in_company_that_was_never_met() -> None:
    pipe = emoji()
    met = ("car", "fruit", "animal", "food", "bird", "tree", "tool", "house")
    styled = {f"a {name} in {{}} style": [f"a {name} in twemoji style"] for name in met}
    edit = {"erase": "noto", "kind": "style", "prompts": ["{} style"]}
    plan = Plan.parse({"method": "gates", "settings": {**FEW, "styled": styled}, "edits": [edit]})
    names = ["castle", "robot", "rocket"]
    before, wanted, other = (tails(pipe, names, f"a {{}} in {s} style") for s in ("noto", "twemoji", "blob"))
    with overpaint.fit(pipe, plan).applied_to(pipe):
        after, still = (tails(pipe, names, f"a {{}} in {s} style") for s in ("noto", "blob"))
    assert (after - wanted).square().sum() < 0.5 * (before - wanted).square().sum()
    assert (still - other).square().sum() < 0.02 * (other - wanted).square().sum()


def test_the_same_plan_gives_the_same_patch_and_another_order_the_same_edit() -> None:
    pipe = emoji()
    first, again = (overpaint.fit(pipe, plan_of(PAIRS, **HASTY)) for _ in range(2))
    assert first.hash == again.hash
    turned = overpaint.fit(pipe, plan_of(dict(reversed(PAIRS.items())), **HASTY))
    with first.applied_to(pipe):
        one = tails(pipe, [*PAIRS], "{}")
    with turned.applied_to(pipe):
        other = tails(pipe, [*PAIRS], "{}")
    assert (one - other).norm() < 0.05 * one.norm()


def test_units_in_use_are_given_up_where_none_is_spare() -> None:
    """A random encoder has no idle units: others take over what is given up."""
    model = tiny_backbone()
    plan = Plan.parse(
        {
            "method": "gates",
            "settings": {"block": 1},
            "edits": [{"replace": "dog", "with": "cat", "prompts": list(TEMPLATES)}],
        }
    )
    found = fit(model, plan, store=TransientStore(), captions=CAPTIONS)
    assert isinstance(found, Patch)
    before, wanted = (_ends(model, name) for name in ("dog", "cat"))
    with found.applied_to(model.pipe):
        after = _ends(model, "dog")
    assert (after - wanted).norm() < 0.9 * (before - wanted).norm()


def _ends(model: StableDiffusion, name: str) -> Tensor:
    prompts = [template.format(name) for template in TEMPLATES]
    return model.text.pooled(model.text.encode(prompts), model.text.tokenize(prompts)).clone()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block": 9}, "settings.block: the denoiser reads what text_encoder gives behind block 7"),
        ({"opens": 0.8}, "quiet < opens < full"),
        ({"contexts": ["no slot"]}, "no slot"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        overpaint.fit(emoji(), plan_of({"cat": "dog"}, **settings))


def test_more_concepts_than_units_are_refused() -> None:
    plan = Plan.parse(
        {"method": "gates", "settings": {"block": 0}, "edits": [{"replace": f"{i}", "with": "cat"} for i in range(99)]}
    )
    with pytest.raises(PlanError, match="99 gates, one for a thing"):
        fit(tiny_backbone(), plan, store=TransientStore(), captions=CAPTIONS)


def test_distances_double_up_to_the_last_one() -> None:
    assert distances(0) == [0]
    assert distances(1) == [0, 1]
    assert distances(9) == [0, 1, 2, 4, 8, 9]
