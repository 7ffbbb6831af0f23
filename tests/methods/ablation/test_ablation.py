"""A concept comes to be predicted as its anchor is, by the parameters that were chosen and no others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.parameters import named_parameters
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import PlanError
from overpaint.methods import configure, fit, work_of
from overpaint.methods.ablation.ablations import Ablation, ablations_of
from overpaint.methods.ablation.config import defaults_of_plan
from overpaint.methods.ablation.embedding import own_tokens
from overpaint.methods.store import TransientStore
from overpaint.patch import LowRank, Patch
from overpaint.plan import Plan
from tests.methods.tiny import tiny_backbone

FEW: dict[str, Any] = {
    "images": 3,
    "image_steps": 2,
    "guidance": 3.0,
    "steps": 12,
    "batch": 4,
    "rate": 2e-3,
    "prior": 0.0,
    "preserve_images": 2,
    "checkpoint_every": 0,
}
EDIT = {"erase": "hens", "to": "dog"}


def plan_of(*edits: dict[str, Any], method: str = "ablation", preserve: tuple[str, ...] = (), **settings: Any) -> Plan:
    said = {"method": method, "edits": list(edits or [EDIT]), "settings": FEW | settings, "preserve": list(preserve)}
    return Plan.parse(said)


def made(backbone: StableDiffusion, plan: Plan, store: TransientStore | None = None) -> Patch:
    patch = fit(backbone, plan, store=store)
    assert isinstance(patch, Patch)
    return patch


def ablated(backbone: StableDiffusion, plan: Plan) -> list[Ablation]:
    config: Any = configure(plan, backbone)
    return ablations_of(backbone.text, plan, config)


def pictures_of(backbone: StableDiffusion, phrase: str) -> Tensor:
    return backbone.sample([f"photo of {phrase}"] * 6, range(90, 96), steps=2, guidance=3.0)


def predicted(backbone: StableDiffusion, phrase: str, x0: Tensor) -> Tensor:
    """For new noise on pictures."""
    t = torch.tensor([100, 300, 500, 700, 900, 999])
    x = backbone.add_noise(x0, torch.randn(x0.shape, generator=torch.Generator().manual_seed(3)), t)
    with torch.no_grad():
        return backbone.predict(x, t, backbone.encode([f"photo of {phrase}"]).repeat(6))


@pytest.mark.parametrize(
    ("parameters", "rate", "place"),
    [("cross", 2e-3, ("attn2.to_k.weight", "attn2.to_v.weight")), ("embedding", 0.02, ("token_embedding.weight",)),
     ("full", 5e-5, ("",))],
)  # fmt: skip
def test_the_concept_is_predicted_as_its_anchor(parameters: str, rate: float, place: tuple[str, ...]) -> None:
    backbone = tiny_backbone()
    before = {name: value.detach().clone() for name, value in named_parameters(backbone.pipe).items()}
    pictures = pictures_of(backbone, "dog")
    anchor, concept = predicted(backbone, "dog", pictures), predicted(backbone, "hens", pictures)
    many: dict[str, Any] = {"images": 8, "batch": 8, "steps": 20, "weight_decay": 0.0, "teacher": "original"}
    patch = made(backbone, plan_of(EDIT | {"prompts": ["photo of {}"]}, parameters=parameters, rate=rate, **many))
    assert all(name.endswith(place) for name in patch.deltas)
    assert all(torch.equal(value, before[name]) for name, value in named_parameters(backbone.pipe).items())
    assert all(value.requires_grad for value in named_parameters(backbone.pipe).values())
    with patch.applied_to(backbone.pipe):
        edited = predicted(backbone, "hens", pictures)
    assert float((edited - anchor).square().mean()) < 0.6 * float((concept - anchor).square().mean())


def test_token_embeddings_change_only_where_the_anchor_has_none() -> None:
    backbone = tiny_backbone()
    plan = plan_of({"erase": "dog hens", "to": "dog"}, parameters="embedding", rate=0.1)
    (token,) = own_tokens(backbone, plan, ablated(backbone, plan))
    hens = backbone.text.locate("{}", "hens")
    assert backbone.text.tokenize([hens.prompt])[0, hens.start] == token
    (delta,) = made(backbone, plan).deltas.values()
    assert isinstance(delta, LowRank)
    assert delta.matrix().abs().sum(dim=1).nonzero().flatten().tolist() == [token]
    assert work_of(backbone, plan).parameters == backbone.text.width


def test_what_embeddings_cannot_tell_apart_is_refused_before_anything_is_drawn() -> None:
    backbone, store = tiny_backbone(), TransientStore()
    edits: Any = ({"erase": "dog", "to": "dog hens"}, {"erase": "pizza", "to": "hens"}, {"erase": "cat", "to": "a cat"})
    plan = plan_of(*edits, parameters="embedding")
    with pytest.raises(PlanError) as raised:
        fit(backbone, plan, store=store)
    assert not store.entries
    refused = (("edits[0]", "dog"), ("edits[2]", "cat"))
    for line, (at, name) in zip(str(raised.value).splitlines(), refused, strict=True):
        assert line.startswith(f"{at}: {name!r} has no token that is not in an anchor's name")
        assert line.endswith("take cross or full")
    with pytest.raises(PlanError) as counted:
        work_of(backbone, plan)
    assert str(counted.value) == str(raised.value)


def test_the_objectives_are_the_published_ones() -> None:
    """The first update's loss by hand: no weight has changed yet, so teacher and student are the original model."""
    backbone = tiny_backbone()
    for method, more in (("ablation", {}), ("ablation", {"teacher": "original"}), ("ablation-noise", {"prior": 0.5})):
        store = TransientStore()
        plan = plan_of(method=method, steps=1, batch=3, images=3, **more)
        patch = made(backbone, plan, store)
        (pictures,) = (entry["latents"] for entry in store.entries.values() if "latents" in entry)
        found = patch.provenance["training"]["loss"]
        assert found == pytest.approx(by_hand(backbone, plan, pictures, method == "ablation"), rel=1e-4)


def by_hand(backbone: StableDiffusion, plan: Plan, pictures: Tensor, model_based: bool) -> float:
    from overpaint.methods.training.turns import turn
    from overpaint.seeding import derive

    seed = derive(plan.seed, "ablation")
    which = turn(3, 3, 0, derive(seed, "anchor", "order"))
    templates = plan.edits[0].prompts
    total = 0.0
    for place, index in enumerate(which.tolist()):
        source = torch.Generator().manual_seed(derive(seed, "anchor", 0, place))
        t = torch.randint(1000, (1,), generator=source)
        noise = torch.randn((1, *backbone.latent_shape), generator=source)
        x = backbone.add_noise(pictures[index][None], noise, t)
        template = templates[index % len(templates)]
        concept, anchor = (
            backbone.predict(x, t, backbone.encode([template.replace("{}", phrase)])) for phrase in ("hens", "dog")
        )
        error = (concept - (anchor if model_based else noise)).square().mean()
        prior = 0.0 if model_based else 0.5 * (anchor - noise).square().mean()
        total += float((error + prior).detach()) / 3
    return total


def test_a_stopped_run_goes_on_to_the_same_bits_and_leaves_no_training_behind() -> None:
    class Stopping(TransientStore):
        def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
            super().put(key, tensors, meta)
            if "step" in tensors and int(tensors["step"]) == 4:
                raise KeyboardInterrupt

    plan = plan_of(
        EDIT, {"replace": "pizza", "with": "a cat"}, preserve=("kitchen",), checkpoint_every=4, steps=5, further=2
    )
    whole = made(tiny_backbone(), plan)
    store = Stopping()
    backbone = tiny_backbone()
    with pytest.raises(KeyboardInterrupt):
        fit(backbone, plan, store=store)
    assert all(value.requires_grad for value in named_parameters(backbone.pipe).values())
    ends = TransientStore()
    ends.entries, ends.meta = store.entries, store.meta
    resumed = made(backbone, plan, ends)
    assert resumed.hash == whole.hash
    assert resumed.provenance["training"]["updates"] == 7
    assert not any("step" in entry for entry in ends.entries.values())


def test_every_concept_of_a_run_gets_its_own_anchor() -> None:
    backbone = tiny_backbone()
    plan = plan_of(
        {"moderate": "hens", "members": ["pizza"], "to": "dog"}, {"erase": "cat", "kind": "style"}, {"replace": "in",
        "with": "of"}
    )  # fmt: skip
    found = [(one.source, one.anchor) for one in ablated(backbone, plan)]
    assert found == [("hens", "dog"), ("pizza", "dog"), ("cat", "art"), ("in", "of")]
    assert len({one.seed for one in ablated(backbone, plan)}) == 4


STYLE = {"erase": "itch", "kind": "style", "prompts": ["{}"]}
STYLED = {"dog by {}": ["dog"], "cat, {}": ["cat"]}


def test_a_style_is_learned_from_scenes_in_it_and_the_same_without_it() -> None:
    for family in ("sd1", "sdxl"):
        styled = defaults_of_plan(family, plan_of(STYLE))["styled"]
        assert len(styled) == 20
        assert all(prompt == f"{goal}, in the style of {{}}" for prompt, (goal,) in styled.items())
    assert len(defaults_of_plan("emoji", plan_of(STYLE))["styled"]) > 600
    assert not defaults_of_plan("sd1", plan_of(EDIT))


def test_styled_prompts_stand_in_for_those_of_a_style() -> None:
    backbone, pizza = tiny_backbone(), {"erase": "pizza", "to": "cat"}
    styled = {**STYLED, "hens by {}": ["pizza", "hens"], "photo " * 40 + "{}": ["photo"]}
    mine, thing = ablated(backbone, plan_of(STYLE, pizza, styled=styled))
    assert [mine.asked(n) for n in range(4)] == ["dog by itch", "cat, itch", "hens by itch", "dog by itch"]
    assert [mine.anchored(n) for n in range(4)] == ["dog", "cat", "hens", "dog"]
    assert thing.anchored(0) == thing.asked(0).replace("pizza", "cat")
    (other,) = ablated(backbone, plan_of({**STYLE, "to": "kitchen"}, styled=styled))
    assert [other.anchored(n) for n in range(2)] == ["dog by kitchen", "cat, kitchen"]
    (plain,) = ablated(backbone, plan_of(STYLE, styled={}))
    assert (plain.asked(0), plain.anchored(0)) == ("itch", "art")


def test_pictures_of_a_style_s_anchor_are_drawn_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, drawn = tiny_backbone(), list[str]()
    sample = StableDiffusion.sample

    def watched(self: StableDiffusion, prompts: list[str], *given: Any, **more: Any) -> Tensor:
        drawn.extend(prompts)
        return sample(self, prompts, *given, **more)

    monkeypatch.setattr(StableDiffusion, "sample", watched)
    made(backbone, plan_of(STYLE, styled=STYLED, steps=1))
    assert drawn == ["dog", "cat", "dog"]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"erase": "hens"}, "no neutral word to predict 'hens' as; write to: a concept"),
        ({"erase": "hens " * 20, "to": "dog"}, "text window"),
        ({"debias": "hens", "over": ["dog", "cat"]}, "no way to debias"),
    ],
)
def test_what_cannot_be_ablated_is_refused_before_anything_is_drawn(edit: dict[str, Any], says: str) -> None:
    store = TransientStore()
    with pytest.raises(PlanError, match=says):
        fit(tiny_backbone(), plan_of(edit), store=store)
    assert not store.entries
