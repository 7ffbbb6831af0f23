from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from overpaint.backbone.text import TextEncoder
from overpaint.errors import BackboneError
from tests.backbone.alike import block_by_block
from tests.models import NEW_TRANSFORMERS, tiny_sd, tiny_text_model, tiny_tokenizer

PROMPTS = ["a photo of a hen", "", "kitchen", "a dog and a cat in the kitchen with an İstanbul hat"]
KINDS: dict[str, dict[str, Any]] = {
    "sd1": {"version": 1, "layers": 12, "width": 48, "heads": 12},
    "sd2": {"version": 2, "layers": 23, "width": 64, "heads": 16},
    "modern eos": {"legacy_eos": False},
    "short window": {"window": 24},
}


@pytest.fixture(params=KINDS, scope="module")
def pipe(request: pytest.FixtureRequest) -> Any:
    return tiny_sd(**KINDS[request.param])


@pytest.fixture
def text(pipe: Any) -> TextEncoder:
    return TextEncoder(pipe.text_encoder, pipe.tokenizer)


def use_attention(pipe: Any, kernel: str) -> None:
    if not hasattr(pipe.text_encoder, "set_attn_implementation"):
        pytest.skip("this transformers chooses the kernel when a model is built")
    pipe.text_encoder.set_attn_implementation(kernel)


@torch.no_grad()
def test_encode_is_what_the_pipeline_conditions_on(pipe: Any, text: TextEncoder) -> None:
    expected, _ = pipe.encode_prompt(PROMPTS, "cpu", 1, False)
    assert torch.equal(text.encode(PROMPTS), expected)


@torch.no_grad()
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_block_by_block_is_the_model_itself(pipe: Any, attention: str) -> None:
    use_attention(pipe, attention)
    text = TextEncoder(pipe.text_encoder, pipe.tokenizer)
    ids = text.tokenize(PROMPTS)
    whole = pipe.text_encoder(ids)
    final = block_by_block(text, ids)
    assert torch.equal(final, whole.last_hidden_state)
    assert torch.equal(text.pooled(final, ids), whole.pooler_output)


def test_attention_kernel_may_change_under_way(pipe: Any) -> None:
    """The recorded mask belongs to one kernel; another kernel wants another form of it."""
    text = TextEncoder(pipe.text_encoder, pipe.tokenizer)
    for attention in ("eager", "sdpa", "eager"):
        use_attention(pipe, attention)
        with torch.no_grad():
            assert torch.equal(text.encode(PROMPTS), pipe.text_encoder(text.tokenize(PROMPTS))[0])


def test_no_hook_is_left(text: TextEncoder) -> None:
    text.block_with_mlp(text.embed(text.tokenize(PROMPTS)), 1)
    for module in text.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_states_depend_on_nothing_to_their_right(text: TextEncoder) -> None:
    a, b = text.encode(["a hen in the kitchen", "a hen in the dog"])
    where = text.locate("a {} in the kitchen", "hen")
    assert torch.allclose(a[: where.stop], b[: where.stop], atol=1e-6)
    assert not torch.allclose(a[where.end], b[where.end], atol=1e-3)


def test_gradients_flow_after_use_in_inference_mode(text: TextEncoder) -> None:
    with torch.inference_mode():
        text.encode(PROMPTS)
    states = text.embed(text.tokenize(PROMPTS)).detach()
    delta = torch.zeros(text.width, requires_grad=True)

    def loss(delta: Tensor) -> Tensor:
        moved = states.clone()
        moved[:, 2] = moved[:, 2] + delta
        return text.pooled(text.finish(text.run(moved, 1, len(text.blocks))), text.tokenize(PROMPTS))[0].sum()

    loss(delta).backward()
    assert delta.grad is not None
    direction = delta.grad / delta.grad.norm()
    step = 1e-2
    slope = (loss(step * direction) - loss(-step * direction)) / (2 * step)
    assert slope.item() == pytest.approx(delta.grad.norm().item(), rel=2e-2)


def test_half_precision_stays_half_precision() -> None:
    pipe = tiny_sd().to(torch.bfloat16)
    text = TextEncoder(pipe.text_encoder, pipe.tokenizer)
    assert text.dtype == torch.bfloat16
    expected, _ = pipe.encode_prompt(PROMPTS, "cpu", 1, False)
    assert torch.equal(text.encode(PROMPTS), expected)


@torch.no_grad()
def test_encoder_with_projection() -> None:
    tokenizer = tiny_tokenizer()
    model = tiny_text_model(tokenizer, projection=True)
    text = TextEncoder(model, tokenizer, "text_encoder_2")
    ids = text.tokenize(PROMPTS)
    final = text.encode(PROMPTS)
    assert torch.equal(final, model(ids).last_hidden_state)
    assert torch.equal(text.embedding(final, ids), model(ids).text_embeds)
    assert torch.equal(text.embeddings(PROMPTS), model(ids).text_embeds)
    assert text.fc2_name(1) == "text_encoder_2.text_model.encoder.layers.1.mlp.fc2.weight"


def test_end_token_is_found_behind_padding_of_either_kind() -> None:
    for version in (1, 2):
        pipe = tiny_sd(version=version)
        text = TextEncoder(pipe.text_encoder, pipe.tokenizer)
        ids = text.tokenize(["a hen"])
        assert text.end_positions(ids).tolist() == [3]
        assert ids[0, 4].item() == (0 if version == 2 else pipe.tokenizer.eos_token_id)
        assert text.locate("a {}", "hen").end == 3


def test_other_text_encoders_are_refused() -> None:
    tokenizer = tiny_tokenizer()
    with pytest.raises(BackboneError, match="not a CLIP text model"):
        TextEncoder(torch.nn.Linear(2, 2), tokenizer)
    model = tiny_text_model(tokenizer)
    model.config.use_attention_mask = True
    with pytest.raises(BackboneError, match="mask padding"):
        TextEncoder(model, tokenizer)


@pytest.mark.skipif(NEW_TRANSFORMERS, reason="transformers 5 has no slow CLIP tokenizer")
def test_slow_tokenizer_is_located_through_its_fast_twin() -> None:
    fast, slow = tiny_tokenizer(), tiny_tokenizer(slow=True)
    model = tiny_text_model(fast)
    for subject in ("hen", "hen coop", "3 dogs"):
        expected = TextEncoder(model, fast).locate("a {} in a kitchen", subject)
        assert TextEncoder(model, slow).locate("a {} in a kitchen", subject) == expected


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(
    ("width", "layers", "heads", "activation", "pad"),
    [(768, 12, 12, "quick_gelu", "<|endoftext|>"), (1024, 23, 16, "gelu", "!")],
    ids=["SD 1.4", "SD 2.1"],
)
def test_full_size_text_encoders(width: int, layers: int, heads: int, activation: str, pad: str) -> None:
    """CLIP ViT-L/14's text tower, and OpenCLIP ViT-H/14's without its last block."""
    tokenizer = tiny_tokenizer(pad=pad)
    model = tiny_text_model(tokenizer, width=width, layers=layers, heads=heads, activation=activation)
    text = TextEncoder(model, tokenizer)
    assert (text.width, text.key_width, text.window, len(text.blocks)) == (width, 4 * width, 77, layers)
    assert torch.equal(text.encode(PROMPTS), model(text.tokenize(PROMPTS)).last_hidden_state)
