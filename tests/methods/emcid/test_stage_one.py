"""Stage I: what a batch learns, and that nobody's neighbours matter."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from PIL import Image

from overpaint.methods.emcid.adam import Adam, clamp_rows
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.context import Context, lengths
from overpaint.methods.emcid.latents import Latents, Noise
from overpaint.methods.emcid.memory import Concept, Memory
from overpaint.methods.emcid.stage_one import stage_one
from overpaint.methods.emcid.targets import mixture
from tests.methods.tiny import TEMPLATES, tiny_backbone, tiny_text

PAIRS = [("dog", "cat"), ("pizza", "kitchen"), ("hens", "dogs")]
CONCEPTS = [Concept(a, b, TEMPLATES, seed=i) for i, (a, b) in enumerate(PAIRS)]
BLOCK = 1
AFTER = {"text_encoder": BLOCK}


def config(**settings: object) -> EmcidConfig:
    quick = {"steps": 4, "rate": 0.05, "image_steps": 2, "image_guidance": 2.0, "text_weight": 0.1}
    return EmcidConfig.model_validate({**quick, **settings})


# ---- context ----------------------------------------------------------------------------------------------------


def test_without_delta_the_student_is_the_encoder() -> None:
    text = tiny_text()
    context = Context(text, CONCEPTS, BLOCK, "window", "mean")
    prompts = [t.replace("{}", c.source) for c in CONCEPTS for t in TEMPLATES]
    nothing = torch.zeros_like(context.v0)
    torch.testing.assert_close(context.student(nothing).states, text.encode(prompts), rtol=0, atol=0)
    torch.testing.assert_close(context.source.states, text.encode(prompts), rtol=0, atol=0)


def test_short_conditioning_is_the_model_with_its_own_padding_mask() -> None:
    """As released: tokenizer(padding=True), ids and mask to the encoder."""
    text = tiny_text()
    for concept in CONCEPTS:
        context = Context(text, [concept], BLOCK, "short", "first")
        prompts = [t.replace("{}", concept.source) for t in TEMPLATES]
        tokens = text.tokenizer(prompts, padding=True, return_tensors="pt")
        with torch.no_grad():
            expected = text.model(tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state
        assert expected.shape[1] == lengths(text, concept)[0]
        torch.testing.assert_close(context.student(torch.zeros_like(context.v0)).states, expected)


def test_delta_is_added_at_the_last_token_after_the_block() -> None:
    text = tiny_text()
    context = Context(text, CONCEPTS[:1], BLOCK, "window", "mean")
    delta = torch.randn(1, text.width, generator=torch.Generator().manual_seed(0))
    subject = text.locate(TEMPLATES[1], "dog")
    states = text.run(text.embed(text.tokenize([subject.prompt])), 0, BLOCK + 1)
    states[0, subject.last] += delta[0]
    expected = text.finish(text.run(states, BLOCK + 1, len(text.blocks)))
    torch.testing.assert_close(context.student(delta).states[1], expected[0])


def test_gradient_of_the_text_loss_by_finite_differences() -> None:
    text = tiny_text()
    context = Context(text, CONCEPTS[:2], BLOCK, "window", "mean")
    delta = torch.randn(2, text.width, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    for target in ("pooled", "positions"):
        assert torch.autograd.gradcheck(
            lambda d, target=target: context.text_loss(context.student(d), target), (delta,), fast_mode=True
        )


def test_text_loss_is_nil_at_the_destination_itself() -> None:
    text = tiny_text()
    same = [Concept("dog", "dog", TEMPLATES, seed=0), CONCEPTS[1]]
    context = Context(text, same, BLOCK, "window", "mean")
    for target in ("pooled", "positions"):
        loss = context.text_loss(context.source, target)
        assert loss[0] == 0
        assert loss[1] > 0


def test_origin_is_the_mean_or_the_first_prompts_state() -> None:
    text = tiny_text()
    states = []
    for template in TEMPLATES:
        subject = text.locate(template, "pizza")
        states.append(text.run(text.embed(text.tokenize([subject.prompt])), 0, BLOCK + 1)[0, subject.last])
    for how, expected in (("mean", torch.stack(states).mean(dim=0)), ("first", states[0])):
        context = Context(text, CONCEPTS, BLOCK, "window", how)
        torch.testing.assert_close(context.v0[1], expected.float())


# ---- optimisation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"values": "copy"},
        {"values": "pooled"},
        {"values": "noise"},
        {"values": "noise", "warm_start": False, "draws": 2, "round_trip": True, "images_per_prompt": 2},
    ],
    ids=["copy", "pooled", "noise", "bank"],
)
def test_a_batch_equals_one_by_one(settings: dict[str, object]) -> None:
    backbone = tiny_backbone()
    together = stage_one(backbone, CONCEPTS, config(**settings), AFTER)
    for concept, memory in zip(CONCEPTS, together, strict=True):
        (alone,) = stage_one(backbone, [concept], config(**settings), AFTER)
        torch.testing.assert_close(memory.delta, alone.delta, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(memory.loss, alone.loss, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_half_precision_learns_nearly_the_same() -> None:
    backbone = tiny_backbone()
    full, half = (
        stage_one(backbone, CONCEPTS, config(precision=name, warm_start=False), AFTER)
        for name in ("float32", "bfloat16")
    )
    for a, b in zip(full, half, strict=True):
        assert torch.cosine_similarity(a.delta, b.delta, dim=0) > 0.9
        assert not torch.equal(a.delta, b.delta)
        assert b.delta.dtype == torch.float32


def test_short_conditioning_learns_too_and_equals_one_by_one() -> None:
    backbone = tiny_backbone()
    alike = [Concept("dog", "cat", TEMPLATES, 0), Concept("cat", "dog", TEMPLATES, 1)]
    assert len({lengths(backbone.text, c) for c in alike}) == 1
    short = config(conditioning="short", warm_start=False, residual="mlp", v0="first")
    together = stage_one(backbone, alike, short, AFTER)
    for concept, memory in zip(alike, together, strict=True):
        torch.testing.assert_close(
            memory.delta, stage_one(backbone, [concept], short, AFTER)[0].delta, atol=1e-5, rtol=0
        )


def test_losses_fall() -> None:
    backbone = tiny_backbone()
    few, many = (
        stage_one(backbone, CONCEPTS, config(values="pooled", steps=n, warm_start=False, clamp=50.0), AFTER)
        for n in (1, 60)
    )
    for a, b in zip(few, many, strict=True):
        assert b.loss[1] < 0.95 * a.loss[1]
    few, many = (
        stage_one(backbone, CONCEPTS, config(steps=n, draws=1, warm_start=False, text_weight=0.0), AFTER)
        for n in (1, 20)
    )
    for a, b in zip(few, many, strict=True):
        assert b.loss[0] < a.loss[0]


def test_steps_against_adam_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(3, 5, generator=generator)
    reference = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([reference], lr=0.2)
    mine, adam = start.clone(), Adam(start, 0.2)
    for _ in range(10):
        gradient = torch.randn(3, 5, generator=generator)
        reference.grad = gradient.clone()
        optimizer.step()
        mine = adam.step(torch.arange(3), mine, gradient)
    torch.testing.assert_close(mine, reference.detach())


def test_rows_are_clamped_one_by_one() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    torch.testing.assert_close(
        clamp_rows(rows, torch.tensor([1.0, 1.0, 1.0])), torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]])
    )


def test_learned_values_obey_the_clamp() -> None:
    for memory in stage_one(tiny_backbone(), CONCEPTS, config(values="pooled", steps=30, rate=0.5, clamp=0.1), AFTER):
        assert memory.delta.norm() <= 0.1 * memory.v0.norm() * (1 + 1e-5)


def test_the_copied_value_is_the_destinations_state() -> None:
    backbone = tiny_backbone()
    text = backbone.text
    (memory,) = stage_one(backbone, CONCEPTS[:1], config(values="copy"), AFTER)
    states = []
    for template in TEMPLATES:
        subject = text.locate(template, "cat")
        states.append(text.run(text.embed(text.tokenize([subject.prompt])), 0, BLOCK + 1)[0, subject.last].detach())
    torch.testing.assert_close(memory.value, torch.stack(states).mean(dim=0), rtol=1e-4, atol=1e-5)
    assert memory.loss.isnan().all()


# ---- objectives -------------------------------------------------------------------------------------------------


def test_erasing_without_anchor_leads_away_from_the_source() -> None:
    """Negative guidance: the student's prediction nears e_empty - mu (e_source - e_empty)."""
    backbone = tiny_backbone()
    away = [Concept(c.source, None, TEMPLATES, c.seed, "esd") for c in CONCEPTS]
    few, many = (stage_one(backbone, away, config(steps=n, draws=1, mu=2.0), AFTER) for n in (1, 20))
    for a, b in zip(few, many, strict=True):
        assert b.loss[0] < a.loss[0]
        assert a.loss[1].isnan()  # no destination, no text loss


def test_given_pictures_are_learned_from_their_noise(tmp_path: Path) -> None:
    paths = []
    for shade in (40, 200):
        paths.append(tmp_path / f"{shade}.png")
        Image.new("RGB", (24, 16), (shade, 128, 255 - shade)).save(paths[-1])
    backbone = tiny_backbone()
    pictured = [Concept("dog", None, TEMPLATES, 0, "images", tuple(paths))]
    few, many = (stage_one(backbone, pictured, config(steps=n, draws=1), AFTER)[0] for n in (1, 20))
    assert many.loss[0] < few.loss[0]


def test_mixtures_are_weighted_means() -> None:
    values = {"man": torch.tensor([1.0, 0.0]), "woman": torch.tensor([0.0, 1.0])}
    torch.testing.assert_close(mixture(values, {"man": 1.0, "woman": 3.0}), torch.tensor([0.25, 0.75]))


# ---- noise ------------------------------------------------------------------------------------------------------


def test_noise_of_a_concept_does_not_depend_on_its_neighbours_or_on_grouping() -> None:
    latents = [Latents(torch.full((3, 2, 1, 2, 2), float(i)), torch.ones(3, 2, 1, 2, 2)) for i in range(2)]
    both = Noise(latents, [5, 6], 1000).draw(3)
    alone = Noise(latents[1:], [6], 1000)
    for k in range(3):
        one = alone.draw(1)
        assert torch.equal(both.x0[k, 3:], one.x0[0])
        assert torch.equal(both.t[k, 3:], one.t[0])
        assert torch.equal(both.noise[k, 3:], one.noise[0])


def test_the_pipeline_is_left_as_it_was() -> None:
    backbone = tiny_backbone()
    parts = (backbone.pipe.text_encoder, backbone.pipe.unet, backbone.pipe.vae)
    before = [copy.deepcopy(part.state_dict()) for part in parts]
    stage_one(backbone, CONCEPTS, config(), AFTER)
    for part, state in zip(parts, before, strict=True):
        assert all(torch.equal(state[name], value) for name, value in part.state_dict().items())
        assert all(p.requires_grad and p.grad is None for p in part.parameters())


def test_memories_survive_as_tensors() -> None:
    (memory,) = stage_one(tiny_backbone(), CONCEPTS[:1], config(values="copy"), AFTER)
    again = Memory.of(memory.tensors())
    assert torch.equal(again.value, memory.value)
    assert again.value.dtype == torch.float32
