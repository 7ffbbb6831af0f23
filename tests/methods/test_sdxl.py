"""Every method on SDXL: what it edits there, and that the edit does what it says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.loading import backbone_of
from overpaint.backbone.stable_diffusion_xl import StableDiffusionXL
from overpaint.errors import PlanError
from overpaint.guards import Guard
from overpaint.linear.ridge import alpha_weight, penalty
from overpaint.methods import METHODS, TransientStore, configure, fit
from overpaint.methods.emcid.joint import Joint
from overpaint.methods.emcid.keys import locate
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.moments import key_moments
from overpaint.methods.emcid.stage_one import stage_one
from overpaint.methods.emcid.stage_two import Aim, stage_two
from overpaint.methods.esd.erasures import Texts, erasures_of
from overpaint.methods.esd.rows import erasing
from overpaint.patch import Patch
from tests.methods.alike import REPLACED, acts_and_is_undone, plan_of, reads_the_destination
from tests.methods.tiny import CAPTIONS, TEMPLATES, WINDOW
from tests.models import tiny_sdxl

BLOCKS = {"text_encoder": [0, 1], "text_encoder_2": [1, 2]}
AFTER = {name: blocks[-1] for name, blocks in BLOCKS.items()}
QUICK: dict[str, Any] = {"steps": 3, "rate": 0.05, "image_steps": 2, "image_guidance": 2.0, "clamp": 1.5}


@pytest.fixture(scope="module")
def model() -> StableDiffusionXL:
    found = backbone_of(tiny_sdxl(window=WINDOW))
    assert isinstance(found, StableDiffusionXL)
    return found


# ---- EMCID ------------------------------------------------------------------------------------------------------


def state(model: StableDiffusionXL, number: int, template: str, phrase: str, block: int) -> Tensor:
    """Of a phrase's last token after a block of one encoder."""
    text = model.text_encoders[number]
    found = text.locate(template, phrase)
    with torch.no_grad():
        return text.run(text.embed(text.tokenize([found.prompt])), 0, block + 1)[0, found.last]


def test_emcid_edits_both_encoders_each_by_its_own_problem(model: StableDiffusionXL) -> None:
    """The patch is Stage II of each encoder alone, with its own values, keys, moments and lambda."""
    weights = {"text_encoder": 2.0, "text_encoder_2": 5.0}
    plan = plan_of("emcid", values="copy", blocks=BLOCKS, protect=0.0, **{"lambda": weights})
    patch = fit(model, plan, captions=CAPTIONS)
    assert isinstance(patch, Patch)
    names = {text.fc2_name(b) for text in model.text_encoders for b in BLOCKS[text.name]}
    assert set(patch.deltas) == names
    for number, text in enumerate(model.text_encoders):
        blocks = BLOCKS[text.name]
        value = torch.stack([state(model, number, t, "cat", blocks[-1]) for t in TEMPLATES]).mean(dim=0)
        moments = key_moments(text, CAPTIONS, blocks)
        expected = stage_two(
            text,
            Aim(locate(text, [(TEMPLATES, "dog")]), value[None]),
            blocks,
            lambda block, moments=moments: penalty(moments[block].mean(1.0)),
            alpha_weight(weights[text.name], 0.5),
        )
        for block in blocks:
            found = patch.deltas[text.fc2_name(block)].of(text.fc2(block).weight)
            torch.testing.assert_close(found, expected[block].matrix, rtol=1e-3, atol=1e-6)


def test_emcid_moves_what_the_denoiser_reads_to_the_destination(model: StableDiffusionXL) -> None:
    settings: dict[str, Any] = {"blocks": BLOCKS, "protect": 0.0, "lambda": 1e-3}
    plan = plan_of("emcid-copy", **settings)
    patch = fit(model, plan, captions=CAPTIONS)

    def read(name: str) -> Tensor:
        found = [model.text.locate(t, name) for t in TEMPLATES]
        rows = model.encode([one.prompt for one in found]).states
        return torch.stack([row[one.last] for row, one in zip(rows, found, strict=True)]).mean(dim=0)

    def apart() -> list[float]:
        return [float(part.norm()) for part in (read("dog") - wanted).split([32, 48])]

    wanted = read("cat")

    with torch.no_grad():
        before = apart()
        with patch.applied_to(model.pipe):
            after = apart()
        assert apart() == before
    assert all(b < 0.5 * a for a, b in zip(before, after, strict=True))


def test_values_of_both_encoders_are_learned_together_from_one_prediction(model: StableDiffusionXL) -> None:
    concept = Concept("dog", "cat", TEMPLATES, seed=0)
    losses = []
    for steps in (1, 15):
        config: Any = configure(
            plan_of("emcid", **{**QUICK, "steps": steps}, warm_start=False, draws=1, text_weight=0.0), model
        )
        (memory,) = stage_one(model, [concept], config, AFTER)
        assert memory.delta.shape == (80,)
        assert all(part.norm() > 0 for part in memory.delta.split([32, 48]))
        losses.append(float(memory.loss[0]))
    assert losses[1] < losses[0]


def test_delta_at_the_published_block_reaches_the_denoiser_at_the_subject_token_and_in_the_pooled_state(
    model: StableDiffusionXL,
) -> None:
    """Values act where the states are read, before the last block: only the pooled state goes through that one."""
    joint = Joint(model, [Concept("dog", "cat", TEMPLATES[:1], 0)], AFTER, "window", "mean")
    delta = torch.randn(1, 80, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        moved, source = joint.condition(joint.student(delta)), joint.condition(joint.sources)
    difference = (moved.states - source.states)[0]
    last = model.text.locate(TEMPLATES[0], "dog").last
    torch.testing.assert_close(difference[last], delta[0], rtol=1e-4, atol=1e-4)
    difference[last] = 0
    assert not difference.any()
    assert moved.pooled is not None
    assert source.pooled is not None
    assert (moved.pooled - source.pooled).norm() > 1e-3


def test_text_loss_is_of_the_pooled_state_and_of_the_projected_one(model: StableDiffusionXL) -> None:
    joint = Joint(model, [Concept("dog", "cat", TEMPLATES[:1], 0)], AFTER, "window", "mean")
    with torch.no_grad():
        found = joint.text_loss(joint.student(torch.zeros(1, 80)), "pooled")
        prompts = [TEMPLATES[0].format(name) for name in ("dog", "cat")]
        one = model.pipe.text_encoder(model.text.tokenize(prompts)).pooler_output
        two = model.pipe.text_encoder_2(model.text_encoders[1].tokenize(prompts)).text_embeds
    expected = sum(float((rows[0] - rows[1]).square().mean()) for rows in (one, two))
    assert float(found[0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("method", ["emcid", "emcid-paper"])
def test_the_published_settings_run(model: StableDiffusionXL, method: str) -> None:
    """Negative guidance, short masked prompts, pictures there and back."""
    for edit in ({"erase": "dog", "prompts": list(TEMPLATES)}, REPLACED):
        patch = fit(model, plan_of(method, edit, **QUICK, erase="esd", blocks=BLOCKS), captions=CAPTIONS)
        assert isinstance(patch, Patch)
        assert patch.provenance["settings"]["blocks"] == BLOCKS


def test_published_settings_are_the_defaults() -> None:
    encoders = [SimpleNamespace(name="text_encoder", depth=11), SimpleNamespace(name="text_encoder_2", depth=31)]
    model: Any = SimpleNamespace(family="sdxl", text_encoders=encoders, device=torch.device("cpu"), dtype=torch.float32)
    for method in ("emcid", "emcid-paper"):
        found: Any = configure(plan_of(method), model)
        assert found.blocks == {"text_encoder": (8, 9, 10), "text_encoder_2": (26, 27, 28, 29, 30)}
        assert found.lambda_ == {"text_encoder": 6000.0, "text_encoder_2": 10000.0}
        assert (found.steps, found.rate, found.clamp) == (100, 0.1, 1.2)
        assert (found.weight_decay, found.text_weight) == (8e-3, 0.005)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"blocks": [0]}, "the model has 2 text encoders; say which one is meant, as in blocks: {text_encoder:"),
        ({"blocks": {"text_encoder_3": [0]}}, "has no 'text_encoder_3'; there is text_encoder, text_encoder_2"),
        ({"blocks": {"text_encoder": [2]}}, "is made by its blocks 0 to 1, not 2"),
        ({"blocks": BLOCKS, "lambda": {"text_encoder": 1.0}}, "says nothing of text_encoder_2"),
    ],
)
def test_settings_that_do_not_fit_two_encoders_are_refused(
    model: StableDiffusionXL, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError) as caught:
        fit(model, plan_of("emcid-copy", **settings), captions=CAPTIONS)
    assert message in str(caught.value)


def test_one_encoder_alone_can_be_edited(model: StableDiffusionXL) -> None:
    patch = fit(model, plan_of("emcid-copy", blocks={"text_encoder_2": [1]}), captions=CAPTIONS)
    assert isinstance(patch, Patch)
    assert set(patch.deltas) == {model.text_encoders[1].fc2_name(1)}


def test_gates_stand_in_both_encoders_behind_all_that_the_denoiser_reads(model: StableDiffusionXL) -> None:
    patch = fit(model, plan_of("gates", steps=5), captions=CAPTIONS)
    assert isinstance(patch, Patch)
    block = model.text_encoders[0].depth - 1
    ends = ("fc1.weight", "fc1.bias", "fc2.weight")
    names = [text.fc2_name(block).removesuffix("fc2.weight") for text in model.text_encoders]
    assert set(patch.deltas) == {name + end for name in names for end in ends}
    acts_and_is_undone(model, patch)


# ---- closed forms -----------------------------------------------------------------------------------------------


def test_uce_makes_cross_attention_read_the_destination(model: StableDiffusionXL) -> None:
    reads_the_destination(model)


@pytest.mark.parametrize("method", ["uce-paper", "time", "rece", "speed", "oce", "mace-cfr"])
def test_closed_forms_change_every_matrix_that_reads_text(model: StableDiffusionXL, method: str) -> None:
    patch = fit(model, plan_of(method), captions=CAPTIONS)
    assert isinstance(patch, Patch)
    ending = "to_v.weight" if method == "speed" else ""
    assert set(patch.deltas) == {name for name in model.readings[0].layers if name.endswith(ending)}
    acts_and_is_undone(model, patch, "a dog")


# ---- fine-tuning ------------------------------------------------------------------------------------------------


def test_esd_trains_on_scaled_inputs_and_on_the_zeros_that_guidance_subtracts(model: StableDiffusionXL) -> None:
    """Euler's latents have a deviation of 14 at first, where the network is made for 1."""
    plan = plan_of("esd-x", {"erase": "dog"}, image_steps=3, trajectories=2)
    config: Any = configure(plan, model)
    assert (config.steps, config.rate, config.guidance, config.eta) == (200, 2e-4, 2.0, 0.0)
    config = config.model_copy(update={"eta": 1.0})
    erasures = erasures_of(model.text, plan, config)
    texts = Texts(model, ["dog"])
    pool, _ = erasing(model, texts, erasures, config, [2] * len(erasures), "round 0")
    assert 0.8 < float(pool.x[pool.t == pool.t.max()].std()) < 1.2
    with torch.no_grad():
        named = model.predict(pool.x, pool.t, model.encode(["dog"]).repeat(len(pool)))
        empty = model.predict(pool.x, pool.t, model.unconditional().repeat(len(pool)))
    torch.testing.assert_close(pool.wanted, 2 * empty - named, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", ["esd-x", "esd-u", "ablation"])
def test_fine_tuning_nears_its_target_and_is_undone(model: StableDiffusionXL, method: str) -> None:
    quick: dict[str, Any] = {"image_steps": 2, "steps": 3, "batch": 2, "rate": 1e-3}
    quick |= {"images": 2} if method == "ablation" else {"trajectories": 1, "eta": 1.0}
    plan = plan_of(method, {"erase": "dog", "to": "cat", "prompts": ["photo of {}"]}, **quick)
    acts_and_is_undone(model, fit(model, plan, store=TransientStore()), "photo of dog")


def test_ablation_of_token_embeddings_is_for_one_text_encoder(model: StableDiffusionXL) -> None:
    with pytest.raises(PlanError, match=r"settings\.parameters: .* of one text encoder; take cross or full$"):
        fit(model, plan_of("ablation", parameters="embedding"))


# ---- guards -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sld-max", "negative"])
def test_guards_act(model: StableDiffusionXL, method: str) -> None:
    guard = fit(model, plan_of(method, {"erase": "dog"}))
    assert isinstance(guard, Guard)
    acts_and_is_undone(model, guard, "a photo", steps=2, guidance=5.0)


def test_what_has_no_place_here_is_refused(model: StableDiffusionXL) -> None:
    assert "sdxl" not in METHODS["refact"].families
    with pytest.raises(PlanError, match="refact does not work on models of family 'sdxl': it has more than one text"):
        configure(plan_of("refact"), model)
