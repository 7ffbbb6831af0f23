"""Stage I over a store: exactness, company, divergence, memory that does not suffice."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import overpaint.methods.emcid.learn as module
from overpaint.backbone.stable_diffusion import StableDiffusion
from overpaint.errors import OverpaintError
from overpaint.methods import TransientStore, configure
from overpaint.methods.debiasing import CountedConfig
from overpaint.methods.emcid.config import EmcidConfig
from overpaint.methods.emcid.learn import Learning, learn
from overpaint.methods.emcid.memory import (
    LOSS_SETTINGS,
    NOISE_SETTINGS,
    OPTIMISER_SETTINGS,
    STATES_SETTINGS,
    STOPPING_SETTINGS,
    TEXT_SETTINGS,
    Memory,
    memory_key,
)
from overpaint.methods.emcid.tasks import tasks_of
from overpaint.progress import Silent
from tests.methods.emcid.test_fit import PAIRS, plan_of, run
from tests.methods.tiny import tiny_backbone
from tests.patch.examples import matrix_of

ALONE = {"batch": 1}
AFTER = {"text_encoder": 1}


@pytest.fixture(scope="module")
def backbone() -> StableDiffusion:
    return tiny_backbone()


def some(*names: str) -> dict[str, str]:
    return {name: PAIRS[name] for name in names}


def test_learned_alone_a_value_depends_on_nothing_but_its_request(backbone: StableDiffusion) -> None:
    """Withdrawn is as never asked for, and three rounds are one, to the bit."""

    def of(pairs: dict[str, str], store: Any = None) -> str:
        return run(backbone, plan_of(pairs, "emcid", settings=ALONE), store).hash

    store = TransientStore()
    rounds = [of(some("dog")), of(some("dog", "hens")), of(some("dog", "hens", "chop"))]
    grown = [of(some("dog"), store), of(some("dog", "hens"), store), of(some("dog", "hens", "chop"), store)]
    assert grown == rounds
    assert len(set(rounds)) == 3
    assert of(some("dog", "chop"), store) == of(some("dog", "chop"))


def test_ten_rounds_are_one_within_rounding(backbone: StableDiffusion) -> None:
    """In batches as they come: the neighbours differ, and with them the last bits."""
    pairs = {f"x{i}": ("cat", "photo", "dog")[i % 3] for i in range(20)}
    settings = {"batch": 4, "image_steps": 1, "draws": 1}
    store = TransientStore()
    for count in range(2, 21, 2):
        grown = run(backbone, plan_of(dict([*pairs.items()][:count]), "emcid", settings=settings), store)
    once = run(backbone, plan_of(pairs, "emcid", settings=settings))
    assert grown.deltas.keys() == once.deltas.keys()
    for name, delta in once.deltas.items():
        assert (matrix_of(grown.deltas[name]) - matrix_of(delta)).norm() < 1e-3 * matrix_of(delta).norm()


def test_another_process_may_learn_the_same_at_the_same_time(
    backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a batch begins: nothing is learned twice. While it runs: the first one's memory stays."""
    plan = plan_of(some("dog", "hens", "chop"), "emcid", settings=ALONE)
    first = TransientStore()
    expected = run(backbone, plan, first).hash
    store, learned = TransientStore(), []
    original = module.stage_one

    def meanwhile(backbone: Any, concepts: Sequence[Any], *rest: Any) -> list[Memory]:
        learned.append(concepts[0].source)
        made = original(backbone, concepts, *rest)
        for key, tensors in first.entries.items():  # the other one has done everything by now
            store.keep(key, tensors, {})
        return [Memory(m.v0, m.delta + 1, m.loss) for m in made]

    monkeypatch.setattr(module, "stage_one", meanwhile)
    assert run(backbone, plan, store).hash == expected
    assert len(learned) == 1


def test_what_diverges_is_named_and_the_rest_goes_on(
    backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = plan_of(some("dog", "hens", "chop"), "emcid", settings={"batch": 3})
    whole = TransientStore()
    run(backbone, plan, whole)
    import overpaint.methods.emcid.stage_one as stage

    original = stage.latents_of

    def broken(backbone: Any, concepts: Sequence[Any], *rest: Any) -> Any:
        made = original(backbone, concepts, *rest)
        for concept, latents in zip(concepts, made, strict=True):
            if concept.source == "hens":
                latents.mean.fill_(float("nan"))
        return made

    monkeypatch.setattr(stage, "latents_of", broken)
    store = TransientStore()
    with caplog.at_level(logging.WARNING):
        patch = run(backbone, plan, store)
    assert patch.provenance["diverged"] == ["hens"]
    assert "'hens' has diverged, the edit is left out" in caplog.text
    assert "'dog'" not in caplog.text
    # its neighbours in the batch are what they would have been, and so are the weights
    monkeypatch.undo()
    without = plan_of(some("dog", "chop"), "emcid", settings={"batch": 3})
    assert patch.hash == run(backbone, without, whole).hash
    # it is not tried again, and other settings are free to
    count = len(store.entries)
    assert run(backbone, plan, store).hash == patch.hash
    assert len(store.entries) == count
    monkeypatch.setattr(stage, "latents_of", broken)
    with pytest.raises(OverpaintError, match=r"every value has diverged \('hens'") as caught:
        run(backbone, plan_of(some("hens"), "emcid"))
    assert "\n" not in str(caught.value)


def out_of_memory_above(size: int, original: Any, tried: list[int]) -> Any:
    def stage(backbone: Any, concepts: Sequence[Any], *rest: Any) -> Any:
        tried.append(len(concepts))
        if len(concepts) > size:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte"
            )
        return original(backbone, concepts, *rest)

    return stage


def test_a_batch_that_does_not_fit_is_halved(
    backbone: StableDiffusion, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []
    monkeypatch.setattr(module, "stage_one", out_of_memory_above(2, module.stage_one, tried))
    store = TransientStore()
    patch = run(backbone, plan_of(PAIRS, "emcid", settings={"batch": 4}), store)
    assert tried == [4, 2, 2, 1] or tried == [1, 4, 2, 2]  # batches come in any order
    assert "not enough memory for 4 concepts at once, going on with 2" in caplog.text
    monkeypatch.undo()
    assert run(backbone, plan_of(PAIRS, "emcid", settings={"batch": 4}), store).hash == patch.hash
    monkeypatch.setattr(module, "stage_one", out_of_memory_above(0, module.stage_one, tried))
    with pytest.raises(RuntimeError, match="allocate"):
        run(backbone, plan_of(PAIRS, "emcid"))


CHANGED: dict[str, Any] = {
    **{"warm_start": False, "steps": 3, "rate": 0.3, "weight_decay": 0.1, "clamp": 1.0, "text_weight": 0.5},
    **{"text_target": "positions", "conditioning": "short", "mu": 2.0, "precision": "bfloat16", "draws": 3},
    **{
        "student": "placed",
        "timesteps": "stratified",
        "metric": "identity",
        "tail": 3,
        "states_steps": 7,
        "states_rate": 0.3,
        "patience": 10,
        "flat": 0.1,
    },
    **{"image_source": "destination", "images_per_prompt": 2, "image_steps": 3, "image_guidance": 1.0},
    **{"round_trip": True, "v0": "first"},
}
STAGE_TWO = {
    "residual",
    "lambda_",
    "alpha",
    "contexts",
    "positions",
    "steady",
    "insist",
    "captions",
    "padding",
    "protect",
    "preserve",
    "factors",
    "batch",
}
IN_CONCEPTS = {"reach", "blocks", "values", "erase", "states_in"}
ONLY_WITH: dict[str, dict[str, Any]] = {
    **{name: {"warm_start": "states"} for name in STATES_SETTINGS},
    "flat": {"patience": 5},
}
"""What else has to be set for a setting to mean anything."""


def test_every_setting_of_stage_one_is_part_of_the_key_and_no_other(backbone: StableDiffusion) -> None:
    loss = {*LOSS_SETTINGS, *NOISE_SETTINGS}
    settings = {*TEXT_SETTINGS, *OPTIMISER_SETTINGS, *STOPPING_SETTINGS, *STATES_SETTINGS, *loss}
    assert settings == CHANGED.keys()
    assert {*EmcidConfig.model_fields} == settings | STAGE_TWO | IN_CONCEPTS | {*CountedConfig.model_fields}
    plan = plan_of(some("dog"), "emcid")
    config = configure(plan, backbone)
    assert isinstance(config, EmcidConfig)
    config = config.model_copy(update={"precision": "float32"})  # the device's fastest by default
    (task,) = tasks_of([backbone.text], plan, config)

    def key(config: EmcidConfig = config, block: int = 1, model: str = "m", tokenizer: str = "t", s: str = "s") -> str:
        return memory_key(task.concepts[0], config, {"text_encoder": block}, model, tokenizer, s)

    others = []
    for name, value in CHANGED.items():
        others.append(key(config.model_copy(update={**ONLY_WITH.get(name, {}), name: value})))
        if name in ONLY_WITH:
            assert key(config.model_copy(update={name: value})) == key()
    others += [
        key(block=2),
        key(model="x"),
        key(tokenizer="x"),
        key(s="x"),
        *(key(config.model_copy(update={"values": "copy", "conditioning": c})) for c in ("window", "short")),
    ]
    assert len({key(), *others}) == len(others) + 1
    inside = replace(task.concepts[0], contexts=("the {} here",))
    states = config.model_copy(update={"values": "states"})
    one, other = (memory_key(c, states, AFTER, "m", "t", "s") for c in (task.concepts[0], inside))
    assert one != other
    of_states = {name: key(states.model_copy(update={name: value})) for name, value in CHANGED.items()}
    unused = loss | {"flat"}
    assert {of_states[name] for name in unused} == {key(states)}
    used = [of_states[name] for name in settings - unused]
    assert len({key(states), *used}) == len(used) + 1
    assert memory_key(inside, config, AFTER, "m", "t", "s") == key()
    same = {
        "residual": "mlp",
        "lambda_": 5.0,
        "alpha": 0.7,
        "captions": 7,
        "padding": 0.0,
        "protect": 0.0,
        "batch": 5,
    }
    assert {key(config.model_copy(update={name: value})) for name, value in same.items()} == {key()}


def test_another_noise_schedule_gives_another_memory_of_noise_only() -> None:
    for method, shared in (("emcid", False), ("emcid-copy", True)):
        store = TransientStore()
        keys: list[int] = []
        for prediction in ("epsilon", "v_prediction"):
            backbone = tiny_backbone(prediction_type=prediction)
            plan = plan_of(some("dog"), method)
            config = configure(plan, backbone)
            assert isinstance(config, EmcidConfig)
            concepts = [c for task in tasks_of([backbone.text], plan, config) for c in task.concepts]
            assert Learning(backbone, concepts, config, AFTER, store).missing([0]) == ([] if keys and shared else [0])
            learn(backbone, concepts, config, AFTER, store, Silent())
            keys.append(len(store.entries))
        assert keys == ([1, 1] if shared else [1, 2])
