from __future__ import annotations

import pytest
import torch

from overpaint.backbone.stable_diffusion_xl import StableDiffusionXL
from overpaint.bench.attacks.embedding import EmbeddingInversion, PseudoWord
from overpaint.bench.attacks.noise import noise_loss, noisy
from overpaint.methods.work import Work
from overpaint.progress import Silent
from tests.bench.attacks.planted import Planted, target
from tests.models import tiny_sdxl

TEMPLATES = ("An image of {}", "{}")


@pytest.fixture(scope="module")
def planted() -> Planted:
    """What it wants to be told is the first template with a word that no tokenizer has."""
    backbone = Planted()
    word = PseudoWord(backbone, TEMPLATES, "hen")
    torch.manual_seed(0)
    with torch.no_grad():
        word.offsets["text_encoder"].copy_(torch.randn(backbone.text.width))
        backbone.wanted = word.condition(0)
    backbone.planted = word.vector("text_encoder").detach()  # type: ignore[attr-defined]
    return backbone


def test_it_reaches_a_planted_embedding(planted: Planted) -> None:
    word = PseudoWord(planted, TEMPLATES[:1], "hen")
    source = torch.Generator().manual_seed(1)
    draws = noisy(planted, planted.x0, 4, source)
    first = noise_loss(planted, draws, word.condition(0)).item()
    attack = EmbeddingInversion(steps=400, rate=0.05, draws=1)
    last = attack.learn(word, planted.x0, 0, Silent())
    assert last < 0.01 * first
    found = word.vector("text_encoder").detach()
    assert torch.cosine_similarity(found, planted.planted, dim=0) > 0.95  # type: ignore[attr-defined]
    assert all(parameter.grad is None for parameter in planted.text.model.parameters())
    assert all(parameter.requires_grad for parameter in planted.unet.parameters())


def test_the_word_begins_as_the_name_itself(planted: Planted) -> None:
    """ "hen" is one token, and so is the place that it takes."""
    word = PseudoWord(planted, TEMPLATES, "hen")
    for row, template in enumerate(TEMPLATES):
        wanted = planted.encode([template.replace("{}", "hen")]).states
        torch.testing.assert_close(word.condition(row).states, wanted, rtol=0, atol=2e-5)


def test_every_picture_has_a_condition_and_a_seed_of_its_own(planted: Planted) -> None:
    attack = EmbeddingInversion(pictures=3, steps=2, draws=2)
    found = attack.attempts(planted, target(), 5, Silent())
    assert [one.asked for one in found] == ["An image of *", "A photo of *", "*"]
    assert len({one.seed for one in found}) == 3
    again = attack.attempts(planted, target(), 5, Silent())
    for one, other in zip(found, again, strict=True):
        assert one.condition is not None
        assert other.condition is not None
        assert torch.equal(one.condition.states, other.condition.states)
    assert attack.work == Work(evaluations=3 * 2 * 2, trained=3 * 2 * 2)


def test_all_text_encoders_learn_one() -> None:
    backbone = StableDiffusionXL(tiny_sdxl(window=20))
    word = PseudoWord(backbone, TEMPLATES[:1], "hen")
    assert set(word.offsets) == {"text_encoder", "text_encoder_2"}
    attack = EmbeddingInversion(steps=1, draws=2)
    assert attack.attempts(backbone, target(), 0, Silent())[0].condition is not None
    attack.learn(word, torch.zeros(1, *backbone.latent_shape), 0, Silent())
    assert all(offset.abs().max() > 0 for offset in word.offsets.values())
