"""From plan to patch: what is kept, what is derived, what is refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import BackboneError, OverpaintError, PlanError
from overpaint.methods import TransientStore, configure, fit, resolve
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.keys import average, locate
from overpaint.methods.emcid.tasks import tasks_of
from overpaint.methods.store import digest
from overpaint.patch import Dense, LowRank, Patch
from overpaint.plan import Plan
from tests.methods.breaking import Breaking
from tests.methods.tiny import CAPTIONS, TEMPLATES, fitted, tiny_backbone
from tests.patch.examples import matrix_of

FEW = {"blocks": [0, 1], "lambda": 0.01, "batch": 2, "steps": 2, "image_steps": 2, "image_guidance": 2.0}
PAIRS = {"dog": "cat", "pizza": "kitchen", "hens": "photo", "chop": "itch", "in": "of"}


def plan_of(pairs: dict[str, str], method: str = "emcid-copy", **rest: Any) -> Plan:
    settings = {**FEW, **({"values": "noise"} if method == "emcid" else {}), **rest.pop("settings", {})}
    edits = [{"replace": a, "with": b, "prompts": list(TEMPLATES)} for a, b in pairs.items()]
    return Plan.parse({"method": method, "settings": settings, "edits": edits, **rest})


def run(backbone: StableDiffusion, plan: Plan, store: Any = None) -> Patch:
    return fitted(backbone, plan, store=store, captions=CAPTIONS)


def test_the_patch_makes_the_source_the_destination_where_values_act() -> None:
    backbone = tiny_backbone()
    text = backbone.text
    plan = plan_of({"dog": "cat", "pizza": "kitchen"}, settings={"steady": 0.0})
    patch = run(backbone, plan)
    assert set(patch.deltas) == {text.fc2_name(0), text.fc2_name(1)}

    def states(names: list[str]) -> Tensor:
        prompts = locate(text, [(TEMPLATES, name) for name in names])
        after = text.run(text.embed(prompts.ids), 0, 2)
        return average(prompts.at_last(after), prompts.owner, prompts.concepts).detach()

    before, wanted = states(["dog", "pizza"]), states(["cat", "kitchen"])
    with patch.applied_to(backbone.pipe):
        after = states(["dog", "pizza"])
    left = (after - wanted).square().sum(dim=1) / (before - wanted).square().sum(dim=1)
    assert left.max() < 0.05
    assert torch.equal(states(["dog", "pizza"]), before.double())


def test_fitting_leaves_the_model_alone_and_repeats_itself() -> None:
    backbone = tiny_backbone()
    before = copy.deepcopy(backbone.pipe.text_encoder.state_dict())
    plan = plan_of(PAIRS, "emcid")
    a, b = run(backbone, plan), run(backbone, plan)
    assert a.hash == b.hash
    assert all(torch.equal(before[k], v) for k, v in backbone.pipe.text_encoder.state_dict().items())
    assert a.hash != run(backbone, plan_of(PAIRS, "emcid", seed=1)).hash


def test_provenance_says_how_it_was_made() -> None:
    backbone = tiny_backbone()
    plan = plan_of({"dog": "cat"})
    provenance = run(backbone, plan).provenance
    assert provenance["method"] == "emcid-copy"
    assert provenance["settings"]["lambda"] == 0.01
    assert provenance["settings"] == resolve(plan, backbone)
    assert provenance["model_fingerprint"] == backbone.fingerprint
    assert Plan.parse(provenance["plan"]) == plan
    assert provenance["captions"] == {"count": len(CAPTIONS), "sha256": digest(list(CAPTIONS))}
    assert "diverged" not in provenance


@pytest.mark.parametrize("holds", [1, 2, 3, 5])
def test_a_killed_run_ends_with_the_same_patch(holds: int) -> None:
    """Killed between batches and within one, whose members must be learned together again."""
    backbone = tiny_backbone()
    plan = plan_of(PAIRS, "emcid")
    unbroken = run(backbone, plan)
    store = Breaking(holds)
    with pytest.raises(OSError, match="no space"):
        run(backbone, plan, store)
    assert len(store.entries) == holds
    store.holds = 100
    assert run(backbone, plan, store).hash == unbroken.hash


def test_known_memories_are_not_learned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import overpaint.methods.emcid.learn as module

    backbone, store = tiny_backbone(), TransientStore()
    learned: list[str] = []
    original = module.stage_one

    def spy(backbone: Any, concepts: Any, *rest: Any) -> Any:
        learned.extend(c.source for c in concepts)
        return original(backbone, concepts, *rest)

    monkeypatch.setattr(module, "stage_one", spy)
    few = dict(list(PAIRS.items())[:3])
    first = run(backbone, plan_of(few, "emcid"), store)
    assert sorted(learned) == sorted(few)
    learned.clear()
    more = run(backbone, plan_of(PAIRS, "emcid"), store)
    assert sorted(learned) == sorted(set(PAIRS) - set(few))
    learned.clear()
    # withdrawing edits gives exactly the weights as if they had never been asked for
    assert run(backbone, plan_of(few, "emcid"), store).hash == first.hash != more.hash
    assert not learned
    # other weights of the same memories need no Stage I either
    run(backbone, plan_of(PAIRS, "emcid", settings={"lambda": 5.0, "residual": "mlp", "alpha": 0.6}), store)
    assert not learned
    run(backbone, plan_of(PAIRS, "emcid", settings={"rate": 0.01}), store)
    assert sorted(learned) == sorted(PAIRS)


def test_another_model_or_template_gives_another_memory() -> None:
    store = TransientStore()
    run(tiny_backbone(), plan_of({"dog": "cat"}), store)
    count = len(store.entries)
    run(tiny_backbone(seed=7), plan_of({"dog": "cat"}), store)
    assert len(store.entries) == 2 * count
    plan = Plan.parse({"method": "emcid-copy", "settings": FEW, "edits": [{"replace": "dog", "with": "cat"}]})
    run(tiny_backbone(), plan, store)
    assert len(store.entries) == 2 * count + 1


def test_debias_mixes_values_by_share_or_by_measured_factor() -> None:
    backbone = tiny_backbone()
    shares = {"cat": 0.5, "pizza": 0.5}

    def plan(factors: dict[str, float] | None) -> Plan:
        settings = {**FEW, **({"factors": {"dog": factors}} if factors else {})}
        edit = {"debias": "dog", "over": shares, "prompts": list(TEMPLATES)}
        return Plan.parse({"method": "emcid-copy", "settings": settings, "edits": [edit]})

    half = run(backbone, plan(None))
    assert run(backbone, plan({"cat": 2.0, "pizza": 2.0})).hash == half.hash
    only = run(backbone, plan({"cat": 1.0, "pizza": 0.0}))
    replaced = run(backbone, plan_of({"dog": "cat"}))
    name = backbone.text.fc2_name(0)
    torch.testing.assert_close(matrix_of(only.deltas[name]), matrix_of(replaced.deltas[name]), rtol=1e-4, atol=1e-7)
    with pytest.raises(PlanError, match="factor"):
        run(backbone, plan({"cat": 1.0}))


def test_erasing_takes_the_anchor_the_neutral_word_or_negative_guidance() -> None:
    backbone = tiny_backbone()

    def erase(method: str = "emcid", settings: dict[str, Any] | None = None, **edit: str) -> Patch:
        data = {"method": method, "settings": {**FEW, **(settings or {})}, "edits": [{"erase": "dog", **edit}]}
        return run(backbone, Plan.parse(data))

    anchored, neutral, guided = erase(to="cat"), erase(kind="style"), erase()
    assert len({anchored.hash, neutral.hash, guided.hash}) == 3
    assert erase(kind="style", settings={"erase": "esd"}).hash != neutral.hash
    with pytest.raises(PlanError, match=r"'dog'.*anchor"):
        erase("emcid-copy")
    with pytest.raises(PlanError, match="neutral word"):
        erase(settings={"erase": "anchor"})


def test_preserved_concepts_move_less() -> None:
    backbone = tiny_backbone()
    text = backbone.text
    weak = {"preserve": 1e-6, "protect": 0.0}
    moved = []
    for settings in (weak, {"preserve": 1e4, "protect": 0.0}, {**weak, "protect": 1e4}):
        patch = run(backbone, plan_of({"dog": "cat", "hens": "photo"}, preserve=["pizza"], settings=settings))
        ids = text.tokenize(["photo of pizza", ""])
        keys = text.mlp_input(text.embed(ids), 0).detach().double()
        pizza = text.locate("photo of {}", "pizza").last
        change = matrix_of(patch.deltas[text.fc2_name(0)])
        moved.append((float((change @ keys[0, pizza]).norm()), float((change @ keys[1].mT).norm())))
    assert moved[1][0] < 0.01 * moved[0][0]
    assert moved[2][1] < 0.01 * moved[0][1]


def test_deltas_are_low_rank_only_while_that_is_smaller() -> None:
    backbone = tiny_backbone()
    assert all(isinstance(d, LowRank) for d in run(backbone, plan_of({"dog": "cat"})).deltas.values())
    many = {f"{a}{b}": "cat" for a in "xyzuvw" for b in "abcdef"}
    assert all(isinstance(d, Dense) for d in run(backbone, plan_of(many)).deltas.values())


def test_as_published_runs_to_the_end() -> None:
    backbone = tiny_backbone()
    plan = plan_of(PAIRS, "emcid-paper")
    settings = resolve(plan, backbone)
    assert (settings["residual"], settings["conditioning"], settings["v0"]) == ("mlp", "short", "first")
    assert run(backbone, plan).hash == run(backbone, plan).hash


# ---- refusals, before any work ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["emcid", "emcid-paper"])
def test_the_release_learns_from_pictures_without_text_and_longer(method: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    shown = {"rectify": "dog", "images": [str(tmp_path / "a.png")]}
    own, mixed = (
        resolve(Plan.parse({"method": method, "edits": edits}), tiny_backbone())
        for edits in ([shown], [shown, {"replace": "cat", "with": "hens"}])
    )
    expected = {**mixed, "steps": 300, "text_weight": 0.0} if method == "emcid-paper" else mixed
    assert own == expected
    assert mixed["text_weight"] > 0


def refused(plan: Plan, captions: list[str] | None = CAPTIONS) -> str:
    class Untouched(TransientStore):
        def put(self, key: str, tensors: dict[str, Tensor], meta: dict[str, str]) -> None:
            raise AssertionError("work was done for a plan that cannot be carried out")

    with pytest.raises(OverpaintError) as caught:
        fit(tiny_backbone(), plan, store=Untouched(), captions=captions)
    return str(caught.value)


def test_every_phrase_that_does_not_fit_is_named() -> None:
    message = refused(plan_of({"dog": "cat", "x" * 30: "cat", "pizza": "y" * 30}, preserve=["q" * 30]))
    lines = message.splitlines()
    assert len(lines) == 3
    assert all("shorten" in line for line in lines)


def test_blocks_beyond_the_encoder_are_refused() -> None:
    assert "blocks 0 to 2" in refused(plan_of({"dog": "cat"}, settings={"blocks": [0, 7]}))


def test_states_are_compared_in_contexts_that_both_phrases_fit_into() -> None:
    backbone = tiny_backbone()
    contexts = ["a {} here", "we have seen it in the old kitchen of a {}"]
    pairs = {"dog": "cat", "pizza": "chop"}
    settings = {"values": "states", "contexts": contexts, "states_in": "contexts", "steps": 3}
    plan = plan_of(pairs, "emcid", settings=settings)
    config = configure(plan, backbone)
    assert isinstance(config, EmcidConfig)
    with pytest.raises(BackboneError):
        backbone.text.locate(contexts[1], "chop")
    for task in tasks_of([backbone.text], plan, config):
        assert [concept.contexts for concept in task.concepts] == [("a {} here",)]
    without = plan_of(pairs, "emcid", settings={**settings, "states_in": "prompts"})
    assert run(backbone, plan).hash != run(backbone, without).hash


def test_states_need_a_destination() -> None:
    erased = [{"erase": "dog", "prompts": list(TEMPLATES)}]
    plan = Plan.parse({"method": "emcid", "settings": {**FEW, "values": "states"}, "edits": erased})
    with pytest.raises(PlanError, match="values 'states' of 'dog' need a phrase to learn from"):
        run(tiny_backbone(), plan)


def test_by_itself_each_concept_learns_from_what_it_has() -> None:
    """Replaced, from states; erased without an anchor, from noise: the same memories as asked for by name."""
    backbone, store = tiny_backbone(), TransientStore()
    few = {**FEW, "warm_start": True, "image_steps": 2}
    replaced = {"replace": "pizza", "with": "cat", "prompts": list(TEMPLATES)}
    erased = {"erase": "dog", "prompts": list(TEMPLATES)}

    def fitted(values: str, *edits: dict[str, Any]) -> Patch:
        asked = {"method": "emcid", "settings": {**few, "values": values}, "edits": list(edits)}
        return run(backbone, Plan.parse(asked), store)

    fitted("states", replaced)
    fitted("noise", erased)
    known = {key for key, meta in store.meta.items() if "objective" in meta}
    fitted("auto", replaced, erased)
    assert {key for key, meta in store.meta.items() if "objective" in meta} == known
    assert {meta["objective"] for meta in store.meta.values() if "objective" in meta} == {"destination", "esd"}
