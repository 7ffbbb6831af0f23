"""Values from the states that the denoiser reads: what is compared, in which metric, and that it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.backbone import Backbone
from overpaint.backbone.loading import backbone_of
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.backbone.z_image import ZImage
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.emcid.stage_one import stage_one
from overpaint.methods.emcid.states import States, pairs_of
from tests.methods.tiny import TEMPLATES, tiny_backbone
from tests.models import (
    HAS_FLUX2_KLEIN,
    HAS_QWEN_IMAGE,
    HAS_Z_IMAGE,
    tiny_flux,
    tiny_flux2_klein,
    tiny_qwen_image,
    tiny_sd3,
    tiny_sdxl,
    tiny_z_image,
)

CONTEXTS = ("a {} of the photo", "the hens in {}")
CONCEPTS = [
    Concept("dog", "pizza kitchen", TEMPLATES, 0, contexts=CONTEXTS),
    Concept("pizza", "hens", TEMPLATES, 1, contexts=CONTEXTS[:1]),
    Concept("cat in a hat", "dog", TEMPLATES, 2),
]
AFTER = {"text_encoder": 1}


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return tiny_backbone(double=True)


def config(**settings: object) -> EmcidConfig:
    return EmcidConfig.model_validate({"values": "states", "states_steps": 20, "states_rate": 0.05, **settings})


def opened(backbone: Backbone, metric: str = "denoiser", tail: int | None = None) -> tuple[Joint, States]:
    joint = Joint(backbone, CONCEPTS, AFTER, "window", "mean", wide=True, tail=tail)
    return joint, States(backbone, joint, CONCEPTS, metric, tail)


def shares(backbone: StableDiffusion, delta: Tensor, layers: list[Tensor], tail: int | None) -> Tensor:
    """The loss by hand, prompt by prompt, through the whole window and every layer."""
    text, found = backbone.text, []
    for concept, own in zip(CONCEPTS, delta, strict=True):
        sums = [0.0, 0.0]
        for template in concept.prompts + concept.contexts:
            a, b = text.locate(template, concept.source), text.locate(template, concept.destination or "")
            ids = text.tokenize([a.prompt, b.prompt])
            states = text.run(text.embed(ids), 0, 2)
            edited = states[:1].clone()
            edited[0, a.last] += own
            source, destination = text.read(states, 2)
            count = text.window - max(a.last, b.last) if tail is None else a.end + tail - a.last + 1
            rows = [text.read(edited, 2)[0, a.last :][:count], source[a.last :][:count]]
            for i, row in enumerate(rows):
                error = row - destination[b.last :][:count]
                sums[i] += sum(float((error @ weight.mT).square().sum()) for weight in layers)
        found.append(sums[0] / sums[1])
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("tail", [None, 2])
@pytest.mark.parametrize("metric", ["denoiser", "identity"])
@torch.no_grad()
def test_the_loss_is_what_all_layers_make_of_the_difference(
    backbone: StableDiffusion, metric: str, tail: int | None
) -> None:
    joint, states = opened(backbone, metric, tail)
    delta = torch.randn(joint.v0.shape, generator=torch.Generator().manual_seed(0)).double()
    projections = [layer.weight for layer in backbone.cross_attention_projections().values()]
    layers = projections if metric == "denoiser" else [torch.eye(backbone.text.width, dtype=torch.float64)]
    torch.testing.assert_close(states.loss(joint.student(delta)), shares(backbone, delta, layers, tail))
    torch.testing.assert_close(states.loss(joint.sources), torch.ones(3).double())


def test_few_padding_tokens_make_short_rows(backbone: StableDiffusion) -> None:
    (whole, _), (cut, _) = opened(backbone), opened(backbone, tail=2)
    assert cut.sources["text_encoder"].states.shape[1] < whole.sources["text_encoder"].states.shape[1]
    assert int(cut.prompts.end.max()) + 3 == cut.sources["text_encoder"].states.shape[1]


def test_aligned_are_the_phrases_ends_and_the_same_words(backbone: StableDiffusion) -> None:
    text = backbone.text
    for template in (*TEMPLATES, *CONTEXTS):
        a, b = text.locate(template, "dog"), text.locate(template, "pizza kitchen")
        one, other = text.tokenize([a.prompt, b.prompt]).tolist()
        pairs = pairs_of(text, template, "dog", "pizza kitchen")
        assert (a.last, b.last) in pairs
        assert (a.end, b.end) in pairs
        assert len(pairs) == len(set(pairs)) == min(text.window - a.last, text.window - b.last) + a.start - text.begin
        assert all(one[x] == other[y] for x, y in pairs if x != a.last)
        assert pairs[-1] in ((text.window - 1 - (b.end - a.end), text.window - 1), (a.end, b.end))
        assert pairs_of(text, template, "dog", "pizza kitchen", tail=0)[-1] == (a.end, b.end)


def test_gradient_by_finite_differences(backbone: StableDiffusion) -> None:
    joint, states = opened(backbone)
    delta = torch.randn(joint.v0.shape, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda d: states.loss(joint.student(d)), (delta,), fast_mode=True)


def test_a_part_of_a_batch_is_that_part(backbone: StableDiffusion) -> None:
    joint, states = opened(backbone)
    delta = torch.randn(joint.v0.shape, generator=torch.Generator().manual_seed(0)).double()
    chosen = torch.tensor([0, 2])
    part = states.take(chosen).loss(joint.take(chosen).student(delta[chosen]))
    torch.testing.assert_close(part, states.loss(joint.student(delta))[chosen])
    again = states.take(chosen).take(torch.tensor([1])).loss(joint.take(chosen[1:]).student(delta[2:]))
    torch.testing.assert_close(again, part[1:])


@torch.no_grad()
def test_placed_values_stand_on_the_destinations_own_state(backbone: StableDiffusion) -> None:
    """So a copied one is the destination in every prompt, and every other as far from it as from the copy."""
    text = backbone.text
    joint = Joint(backbone, CONCEPTS, AFTER, "window", "mean", placed=True, wide=True)
    assert joint.copied is not None
    step = torch.randn(joint.v0.shape, generator=torch.Generator().manual_seed(0)).double()
    found = joint.student(joint.copied + step)["text_encoder"].states
    last = joint.take(torch.tensor([1])).student((joint.copied + step)[1:2])["text_encoder"].states
    asked = [(c, t) for c in CONCEPTS for t in c.prompts + c.contexts]
    for row, (concept, template) in enumerate(asked):
        a, b = text.locate(template, concept.source), text.locate(template, concept.destination or "")
        states = text.run(text.embed(text.tokenize([a.prompt, b.prompt])), 0, 2)
        states[0, a.last] = states[1, b.last] + step[CONCEPTS.index(concept)]
        torch.testing.assert_close(found[row], text.read(states[:1], 2)[0])
    torch.testing.assert_close(last, found[[concept is CONCEPTS[1] for concept, _ in asked]])


def learned(backbone: Backbone, concepts: list[Concept] | None = None, **settings: object) -> list[Memory]:
    return stage_one(backbone, concepts or CONCEPTS, config(**settings), AFTER)


def test_values_come_nearer_than_copied_ones_and_as_near_one_by_one(backbone: StableDiffusion) -> None:
    together = learned(backbone)
    copied = learned(backbone, states_steps=1)  # the loss is that before the step
    for concept, memory, before in zip(CONCEPTS, together, copied, strict=True):
        (alone,) = learned(backbone, [concept])
        torch.testing.assert_close(memory.delta, alone.delta, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(memory.loss, alone.loss, rtol=1e-4, atol=1e-6, equal_nan=True)
        assert memory.loss[1] < before.loss[1]
        assert memory.loss[0].isnan()


def test_contexts_are_learned_from_and_leave_the_origin_alone(backbone: StableDiffusion) -> None:
    bare = [replace(concept, contexts=()) for concept in CONCEPTS]
    for one, other in zip(learned(backbone), learned(backbone, bare), strict=True):
        torch.testing.assert_close(one.v0, other.v0)
    assert not torch.allclose(learned(backbone)[0].delta, learned(backbone, bare)[0].delta, atol=1e-3)


def test_what_is_the_destination_already_stays(backbone: StableDiffusion) -> None:
    (memory,) = learned(backbone, [Concept("dog", "dog", TEMPLATES, 0)], weight_decay=0.0)
    assert memory.delta.abs().max() < 1e-6
    assert memory.loss[1] == 0


def test_noise_may_begin_where_states_end(backbone: StableDiffusion) -> None:
    noise: dict[str, Any] = {
        "values": "noise",
        "steps": 1,
        "rate": 1e-9,
        "states_rate": 1e-9,
        "image_steps": 2,
        "image_guidance": 2.0,
    }
    warm = learned(backbone, **{**noise, "warm_start": "states", "states_steps": 1})
    copied = learned(backbone, **noise)
    for one, other in zip(warm, copied, strict=True):
        torch.testing.assert_close(one.delta, other.delta, rtol=0, atol=1e-6)
    moved = learned(backbone, **{**noise, "warm_start": "states", "states_rate": 0.05})
    assert (moved[0].delta - copied[0].delta).norm() > 0.1


FAMILIES: dict[str, tuple[Callable[[], Any], dict[str, int]]] = {
    "sdxl": (lambda: backbone_of(tiny_sdxl()), {"text_encoder": 0, "text_encoder_2": 1}),
    "flux": (lambda: backbone_of(tiny_flux()), {"text_encoder_2": 0}),
    "sd3": (lambda: backbone_of(tiny_sd3()), {"text_encoder": 0, "text_encoder_2": 0, "text_encoder_3": 0}),
}
if HAS_Z_IMAGE:
    FAMILIES["z-image"] = (lambda: ZImage(tiny_z_image(), side=8), {"text_encoder": 0})
if HAS_FLUX2_KLEIN:
    FAMILIES["flux2-klein"] = (lambda: backbone_of(tiny_flux2_klein(window=64)), {"text_encoder": 0})
if HAS_QWEN_IMAGE:
    FAMILIES["qwen-image"] = (lambda: backbone_of(tiny_qwen_image()), {"text_encoder": 0})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_from_what_its_denoiser_reads(family: str) -> None:
    make, after = FAMILIES[family]
    model = make()
    concepts = [Concept("dog", "cat", TEMPLATES[:2], 0), Concept("hens", "a pizza", TEMPLATES[:2], 1)]
    first, last = (
        stage_one(model, concepts, config(states_steps=n, states_rate=0.5, warm_start=False), after) for n in (1, 15)
    )
    for before, memory in zip(first, last, strict=True):
        torch.testing.assert_close(before.loss[1], torch.tensor(1.0))
        assert memory.loss[1] < 0.98
        widths = [text.width for text in model.text_encoders if text.name in after]
        assert all(part.norm() > 0 for part in memory.delta.split(widths))
