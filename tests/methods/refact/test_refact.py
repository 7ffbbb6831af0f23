"""One fact, one matrix, rank one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import OverpaintError, PlanError
from overpaint.methods import TransientStore, fit, resolve
from overpaint.methods.emcid.context import Context
from overpaint.methods.emcid.keys import average, locate
from overpaint.methods.emcid.memory import Concept
from overpaint.methods.emcid.moments import key_moments
from overpaint.methods.refact.config import RefactConfig
from overpaint.methods.refact.objective import contrast, learn
from overpaint.methods.refact.presets import EMOJI, origins_of
from overpaint.patch import LowRank
from overpaint.plan import Plan
from tests.methods.breaking import Breaking
from tests.methods.tiny import CAPTIONS, TEMPLATES, changes, fitted, tiny_backbone

BLOCK = 1
PAIR = {"replace": "dog", "with": "cat"}


def plan_of(*edits: dict[str, Any], **settings: Any) -> Plan:
    written = [{"prompts": list(TEMPLATES), **edit} for edit in edits]
    return Plan.parse({"method": "refact", "settings": {"block": BLOCK, **settings}, "edits": written})


def ends(model: StableDiffusion, name: str) -> Tensor:
    """End states (p, width) of a name's prompts."""
    prompts = [template.format(name) for template in TEMPLATES]
    return model.text.pooled(model.text.encode(prompts), model.text.tokenize(prompts)).clone()


def test_the_contrast_is_the_probability_of_the_nearest_text() -> None:
    g = torch.Generator().manual_seed(0)
    e, positive, old, others = (torch.randn(n, 5, generator=g) for n in (3, 3, 3, 4))
    for i, loss in enumerate(contrast(e, positive, old, others)):
        logits = -torch.stack([(e[i] - x).norm() for x in (positive[i], old[i], *others)])
        assert float(loss) == pytest.approx(-float(torch.log_softmax(logits, 0)[0]), abs=1e-5)
    assert contrast(e, positive, old, others[:0]).shape == (3,)
    assert contrast(positive, positive, 9 * old, 9 * others).max() < contrast(e, positive, 9 * old, 9 * others).max()


def test_a_learned_value_makes_the_prompt_end_like_the_destinations() -> None:
    """As far as a random encoder lets one token decide how the end is read."""
    model = tiny_backbone()
    text, concept = model.text, Concept("dog", "cat", TEMPLATES[:1], 0)
    others = text.pooled(text.encode(CAPTIONS), text.tokenize(CAPTIONS))
    values, probability = learn(text, [concept], others, RefactConfig(block=0, stop=0.8, rate=0.3))
    _, untouched = learn(text, [concept], others, RefactConfig(block=0, stop=1e-4))
    assert probability.item() > 0.75 > 0.1 > untouched.item()
    context = Context(text, [concept], 0, "window", "mean")
    with torch.no_grad():
        final = context.student(values - context.v0).final
    after = final[torch.arange(len(final)), context.prompts.end]
    source, destination = ends(model, "dog")[:1], ends(model, "cat")[:1]
    assert (after - destination).norm() < 0.7 * (source - destination).norm()


def test_the_patch_brings_the_learned_values_about() -> None:
    model, store = tiny_backbone(), TransientStore()
    text = model.text
    patch = fit(model, plan_of(PAIR, {"replace": "pizza", "with": "hens"}, steps=5), store=store, captions=CAPTIONS)
    wanted = torch.stack([entry["value"] for entry in store.entries.values() if "value" in entry])
    prompts = locate(text, [(TEMPLATES, "dog"), (TEMPLATES, "pizza")])

    def states() -> Tensor:
        with torch.no_grad():
            out = text.run(text.embed(prompts.ids), 0, BLOCK + 1)
        return average(prompts.at_last(out), prompts.owner, 2)

    before = states()
    with patch.applied_to(model):
        torch.testing.assert_close(states(), wanted.double(), rtol=1e-4, atol=1e-4)
    assert (before - wanted).norm() > 0.5
    assert torch.equal(states(), before)


def test_other_words_for_a_source_become_the_same() -> None:
    """As edits of their own would."""
    model = tiny_backbone()
    together = plan_of({**PAIR, "also": ["hens", "pizza"]}, steps=3)
    apart = plan_of(*({"replace": name, "with": "cat"} for name in ("dog", "hens", "pizza")), steps=3)
    (found,), (wanted,) = (changes(model, fitted(model, p, captions=CAPTIONS)).values() for p in (together, apart))
    assert torch.equal(found, wanted)
    alone = changes(model, fitted(model, plan_of(PAIR, steps=3), captions=CAPTIONS))
    assert torch.linalg.matrix_rank(found) == 3 > torch.linalg.matrix_rank(*alone.values())


def test_one_edit_has_rank_one_in_one_matrix_and_is_the_exact_edit_of_the_release() -> None:
    """W' = W + (v* - W k*) u^T / (k* . u) with u = C^-1 k*."""
    model = tiny_backbone(double=True)
    text = model.text
    patch = fitted(model, plan_of(PAIR, steps=5, **{"lambda": 1e-9}), captions=CAPTIONS)
    assert set(patch.deltas) == {text.fc2_name(BLOCK)}
    delta = patch.deltas[text.fc2_name(BLOCK)]
    assert isinstance(delta, LowRank)
    assert delta.up.shape[1] == 1
    prompts = locate(text, [(TEMPLATES, "dog")])
    with torch.no_grad():
        keys = text.mlp_input(text.run(text.embed(prompts.ids), 0, BLOCK), BLOCK)
        key = average(prompts.at_last(keys), prompts.owner, 1)[0]
    c = key_moments(text, CAPTIONS, [BLOCK], padding=False)[BLOCK].mean(0.0)
    c.diagonal().add_(1e-6 * c.diagonal().mean())
    u = torch.linalg.solve(c, key)
    found = delta.matrix()
    wanted = found @ key
    torch.testing.assert_close(found, torch.outer(wanted, u) / (key @ u), rtol=1e-4, atol=1e-6)


def test_values_stay_near_and_stop_when_done() -> None:
    model = tiny_backbone()
    text = model.text
    others = torch.zeros(0, text.width)
    concepts = [Concept("dog", "cat", TEMPLATES, 0), Concept("pizza", "kitchen", TEMPLATES, 0)]
    config = RefactConfig(block=BLOCK, clamp=0.1, steps=20)
    values, _ = learn(text, concepts, others, config)
    with torch.no_grad():
        prompts = locate(text, [(c.prompts, c.source) for c in concepts])
        out, _, mlp = text.block_with_mlp(text.run(text.embed(prompts.ids), 0, BLOCK), BLOCK)
        v0, h = (average(prompts.at_last(x), prompts.owner, 2) for x in (out, mlp))
    assert ((values - v0).norm(dim=1) <= 0.1 * h.norm(dim=1) + 1e-5).all()
    steps: list[int] = []
    _, easy = learn(text, concepts, others, RefactConfig(block=BLOCK, stop=1e-4), steps.append)
    assert len(steps) == 1  # what is likely enough already is not touched
    assert (easy > 1e-4).all()
    alone, _ = learn(text, concepts[1:], others, config)
    torch.testing.assert_close(alone[0], values[1], rtol=1e-4, atol=1e-4)


def test_who_is_done_is_left_out_and_changes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    text = tiny_backbone().text
    others = torch.zeros(0, text.width)
    concepts = [Concept("dog", "cat", TEMPLATES, 0), Concept("pizza", "kitchen", TEMPLATES[:1], 0)]
    start = [float(learn(text, [c], others, RefactConfig(block=0, steps=1, stop=1e-4))[1]) for c in concepts]
    easy, hard = (start.index(pick(start)) for pick in (max, min))
    config = RefactConfig(block=0, steps=6, stop=(start[0] + start[1]) / 2, rate=1e-4)
    alone, _ = learn(text, [concepts[hard]], others, config)
    rows: list[int] = []
    student = Context.student

    def counted(self: Context, delta: Tensor) -> Any:
        rows.append(len(self.prompts))
        return student(self, delta)

    monkeypatch.setattr(Context, "student", counted)
    values, _ = learn(text, concepts, others, config)
    every, rest = len(TEMPLATES) + 1, len(concepts[hard].prompts)
    assert rows == [every, *[rest] * 5, every]
    torch.testing.assert_close(values[hard], alone[0], rtol=1e-5, atol=1e-5)
    untouched = Context(text, concepts, 0, "window", "mean", tail=0).v0
    assert torch.equal(values[easy], untouched[easy])
    assert not torch.equal(values[hard], untouched[hard])


def test_what_is_learned_is_kept() -> None:
    model, store = tiny_backbone(), TransientStore()
    first = fit(model, plan_of(PAIR, steps=3), store=store, captions=CAPTIONS)
    kept = set(store.entries)
    assert fit(model, plan_of(PAIR, steps=3), store=store, captions=CAPTIONS).hash == first.hash
    both = fit(model, plan_of(PAIR, {"erase": "pizza", "to": "hens"}, steps=3), store=store, captions=CAPTIONS)
    assert len(set(store.entries) - kept) == 1
    assert both.hash != first.hash
    fit(model, plan_of(PAIR, steps=4), store=store, captions=CAPTIONS)
    assert len(set(store.entries) - kept) == 2


@pytest.mark.parametrize("holds", [1, 2, 4])
def test_what_was_cut_off_is_learned_again_in_the_same_company(holds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a batch round otherwise than in other company; of four concepts two are learned at once."""
    edits = [{"erase": name, "to": "hens"} for name in ("dog", "cat", "pizza", "horse")]
    model, plan = tiny_backbone(), plan_of(*edits, steps=3, batch=2)
    unbroken = fit(model, plan, store=TransientStore(), captions=CAPTIONS)
    store = Breaking(holds)
    with pytest.raises(OSError, match="no space"):
        fit(model, plan, store=store, captions=CAPTIONS)
    kept = [meta["source"] for meta in store.meta.values() if "probability" in meta]
    store.holds = 100
    batches: list[list[str]] = []

    def learning(text: Any, concepts: Any, *rest: Any) -> Any:
        batches.append([concept.source for concept in concepts])
        return learn(text, concepts, *rest)

    monkeypatch.setattr("overpaint.methods.refact.fit.learn", learning)
    assert fit(model, plan, store=store, captions=CAPTIONS).hash == unbroken.hash
    assert batches == [part for part in (["dog", "cat"], ["pizza", "horse"]) if not set(part) <= set(kept)]


def test_members_of_a_moderated_concept_become_the_same() -> None:
    model = tiny_backbone()
    moderated = plan_of({"moderate": "kitchen", "to": "hens", "members": ["dog", "cat"]}, steps=3)
    apart = plan_of(*({"erase": name, "to": "hens"} for name in ("kitchen", "dog", "cat")), steps=3)
    (found,), (wanted,) = (changes(model, fitted(model, p, captions=CAPTIONS)).values() for p in (moderated, apart))
    assert torch.equal(found, wanted)


def test_settings_are_the_published_ones_but_for_the_bundled_model() -> None:
    model = tiny_backbone()
    plan = Plan.parse({"method": "refact", "edits": [{"replace": "dog", "with": "cat"}]})
    bundled = resolve(plan, model)
    assert bundled.items() >= EMOJI.items()
    assert origins_of("refact", "emoji").measured == EMOJI.keys()
    model.family = "sd1"
    found = resolve(plan, model)
    assert {name: found[name] for name in ("rate", "steps", "clamp", "weight_decay", "stop")} == {
        "rate": 0.05,
        "steps": 100,
        "clamp": 4,
        "weight_decay": 0.01,
        "stop": 0.99,
    }
    assert found["block"] == round(0.75 * (len(model.text.blocks) - 1))
    assert "block" not in origins_of("refact", "sd2").carried
    assert origins_of("refact", "sd1").published >= {"block", "stop"}


def test_each_thing_that_does_not_fit_is_refused_in_a_line() -> None:
    model = tiny_backbone()
    long = {"replace": "x" * 30, "with": "cat"}, {"erase": "hens", "to": "cat", "also": ["y" * 30]}
    with pytest.raises(PlanError) as caught:
        fit(model, plan_of({"erase": "dog"}, *long, block=7), captions=CAPTIONS)
    assert len(caught.value.problems) == 4
    assert caught.value.problems[1].endswith("write to: a concept (on the command line --to CONCEPT)")
    model.family = "sd1"
    with pytest.raises(OverpaintError, match="captions"):
        fit(model, plan_of(PAIR))


def test_the_encoders_own_parameters_get_no_gradients() -> None:
    model = tiny_backbone()
    fitted(model, plan_of(PAIR, steps=2), captions=CAPTIONS)
    assert all(parameter.grad is None for parameter in model.text.model.parameters())
