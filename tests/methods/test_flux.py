"""What methods do on FLUX.1: text-side edits of T5 and of the layers that read text, ESD on velocities."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overpaint.backbone.flux import Flux
from overpaint.backbone.loading import backbone_of
from overpaint.errors import PlanError
from overpaint.methods import METHODS, TransientStore, configure, fit, work_of
from overpaint.methods.emcid.context import Context
from overpaint.methods.emcid.keys import aligned_around
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.moments import key_moments
from overpaint.methods.emcid.stage_one import stage_one
from overpaint.methods.esd.erasures import Texts, erasures_of
from overpaint.methods.esd.rows import erasing
from overpaint.methods.esd.selection import select
from overpaint.patch import Patch
from overpaint.plan import Plan
from tests.methods.alike import acts_and_is_undone, plan_of, reads_the_destination, writes_the_learned_values
from tests.methods.tiny import CAPTIONS, TEMPLATES
from tests.models import tiny_flux


@pytest.fixture(scope="module")
def model() -> Flux:
    found = backbone_of(tiny_flux(window=16))
    assert isinstance(found, Flux)
    return found


# ---- closed forms -----------------------------------------------------------------------------------------------


def test_uce_makes_both_layers_read_the_destination_with_their_bias_once(model: Flux) -> None:
    assert len(reads_the_destination(model, fixed=[], protect=0.0).deltas) == 2


@pytest.mark.parametrize("method", ["uce", "uce-paper", "oce"])
@pytest.mark.parametrize("which", ["k", "v"])
def test_keys_or_values_alone_are_refused_where_there_are_none(model: Flux, method: str, which: str) -> None:
    plan = plan_of(method, matrices=which)
    for ask in (fit, work_of):
        with pytest.raises(PlanError, match=rf"settings.matrices: no cross-attention has '{which}'.*context_embedder"):
            ask(model, plan)


@torch.no_grad()
def test_what_must_stay_stays(model: Flux) -> None:
    """The empty prompt's end and padding in T5, its pooled state in CLIP, and preserved names."""
    plan = Plan.parse(
        {
            "method": "uce",
            "settings": {"fixed": ["begin", "end", "padding"]},
            "edits": [{"replace": "dog", "with": "cat", "prompts": ["{}"]}],
        }
    )
    patch = fit(model, plan)
    empty = [reading.readers[0].encode([""])[0] for reading in model.readings]
    layers = [next(iter(reading.layers.values())) for reading in model.readings]
    before = [layer(rows) for layer, rows in zip(layers, empty, strict=True)]
    with patch.applied_to(model.pipe):
        for layer, rows, old in zip(layers, empty, before, strict=True):
            torch.testing.assert_close(layer(rows), old, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["uce-paper", "time", "rece", "oce"])
def test_closed_forms_change_both_layers(model: Flux, method: str) -> None:
    patch = fit(model, plan_of(method))
    assert isinstance(patch, Patch)
    assert set(patch.deltas) == {name for reading in model.readings for name in reading.layers}
    acts_and_is_undone(model, patch, "a dog")


# ---- EMCID on T5 ------------------------------------------------------------------------------------------------


def test_emcid_writes_the_learned_values_into_t5(model: Flux) -> None:
    patch = writes_the_learned_values(model)
    assert all(name.startswith("text_encoder_2.") for name in patch.deltas)
    assert patch.provenance["settings"]["blocks"] == {"text_encoder_2": [0, 1]}


def test_text_alignment_lowers_its_loss_at_every_other_token(model: Flux) -> None:
    concept = Concept("dog", "cat", TEMPLATES, seed=0)
    losses = []
    for steps in (1, 30):
        config: Any = configure(plan_of("emcid", steps=steps, rate=0.05, warm_start=False), model)
        assert (config.values, config.text_target) == ("pooled", "positions")
        (memory,) = stage_one(model, [concept], config, {"text_encoder_2": 1})
        losses.append(float(memory.loss[1]))
    assert losses[1] < losses[0]


@torch.no_grad()
def test_short_prompts_have_the_states_that_t5_gives_them(model: Flux) -> None:
    """Its blocks are handed the position bias, which the first one makes itself."""
    context = Context(model.text, [Concept("dog", "cat", TEMPLATES, 0)], 0, "short", "mean")
    mask = torch.arange(context.ids.shape[1]) <= context.prompts.end[:, None]
    wanted = model.text.model(context.ids, attention_mask=mask.long()).last_hidden_state
    torch.testing.assert_close(context.source.final[mask], wanted[mask])


def test_words_around_a_phrase_are_aligned() -> None:
    """ "a photo of {} in it": three words before, two behind, the phrase of one token here and of three there."""
    assert aligned_around(0, (3, 3, 6), (3, 5, 8)) == [(0, 0), (1, 1), (2, 2), (4, 6), (5, 7)]
    assert aligned_around(1, (1, 1, 2), (1, 2, 3)) == []


@torch.no_grad()
def test_the_text_loss_reads_words_before_the_phrase_too(model: Flux) -> None:
    context = Context(model.text, [Concept("dog", "cat", ("photo of {}",), 0)], 0, "window", "mean")
    assert context.destination is not None
    assert float(context.text_loss(context.destination, "positions")) == 0
    difference = (context.source.states - context.destination.states)[0].square().mean(dim=1)
    place = model.text.locate("photo of {}", "dog")
    others = [i for i in range(model.text.window) if i != place.last]
    found = float(context.text_loss(context.source, "positions"))
    assert found == pytest.approx(float(difference[others].mean()), rel=1e-4)


@torch.no_grad()
def test_second_moments_are_of_whole_rows_where_attention_runs_both_ways(model: Flux) -> None:
    text = model.text
    ids = text.tokenize(CAPTIONS)
    keys = text.mlp_input(text.embed(ids), 0).double()
    inside = torch.arange(ids.shape[1]) <= text.end_positions(ids)[:, None]
    for padding in (True, False):
        found = key_moments(text, CAPTIONS, [0], padding, chunk=4)[0]
        own = keys[inside]
        torch.testing.assert_close(found.caption.mean, own.mT @ own / len(own), rtol=1e-6, atol=1e-6)
        assert found.padding.count == (int((~inside).sum()) if padding else 0)


# ---- ESD --------------------------------------------------------------------------------------------------------


def test_the_published_layers_are_trained(model: Flux) -> None:
    names = {slot.name for slot in select(model.denoiser, "x", "transformer")}
    inside = [name for name, _ in model.denoiser.named_parameters() if ".attn." in name and "norm" not in name]
    assert names == {f"transformer.{name}" for name in inside}
    strict = {slot.path.rpartition(".")[2] for slot in select(model.denoiser, "x-strict", "transformer")}
    assert strict == {"to_k", "to_v"}
    assert len(select(model.denoiser, "x-strict", "transformer")) == 4 * 2 * 2


def test_targets_are_velocities_turned_away(model: Flux) -> None:
    plan = plan_of("esd-x", {"erase": "dog"}, image_steps=2, trajectories=2)
    config: Any = configure(plan, model)
    assert (config.rate, config.eta) == (1e-4, 1.0)
    erasures = erasures_of(model.text, plan, config)
    pool, _ = erasing(model, Texts(model, ["dog"]), erasures, config, [2], "round 0")
    assert float(pool.t.max()) == 1000.0
    with torch.no_grad():
        named = model.predict(pool.x, pool.t, model.encode(["dog"]).repeat(len(pool)))
        empty = model.predict(pool.x, pool.t, model.encode([""]).repeat(len(pool)))
    torch.testing.assert_close(pool.wanted, 2 * empty - named, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("method", "rank"), [("esd-x", None), ("esd-x-strict", None), ("esd-x-strict", 2)])
def test_esd_nears_its_target_and_is_undone(model: Flux, method: str, rank: int | None) -> None:
    quick = {"image_steps": 2, "steps": 3, "batch": 2, "rate": 1e-3, "trajectories": 1, "rank": rank}
    patch = fit(model, plan_of(method, {"erase": "dog"}, **quick), store=TransientStore())
    assert isinstance(patch, Patch)
    assert all(name.startswith("transformer.") for name in patch.deltas)
    acts_and_is_undone(model, patch)


# ---- what does not apply ----------------------------------------------------------------------------------------


def test_pairs_that_cannot_work_are_refused_with_the_reason(model: Flux) -> None:
    reasons = {
        "speed": "text and picture tokens share every attention",
        "esd-u": "text and picture tokens share every attention",
        "ablation": "text and picture tokens share every attention",
        "mace-cfr": "reads it as a whole",
        "refact": "more than one text encoder",
        "gates": "products without thresholds",
        "emcid-paper": "padding included",
        "sld": "there is no prediction without it to guard",
    }
    for method, reason in reasons.items():
        assert "flux" not in METHODS[method].families
        with pytest.raises(PlanError, match=reason):
            configure(plan_of(method, {"erase": "dog"}), model)
